//! The function's routes, as far as tests of every route need to know them.

use ec2_control_api::routes::DIALECTS;

/// A row of the route table.
pub struct Route {
    pub methods: &'static [&'static str],
    pub path: &'static str,
    /// Whether the route needs no authentication.
    pub public: bool,
    /// The names of its parameters.
    pub parameters: Vec<&'static str>,
}

/// Every route of every dialect.
pub fn routes() -> Vec<Route> {
    let routes = DIALECTS.iter().flat_map(|dialect| dialect.routes);
    let route = routes.map(|route| Route {
        methods: route.methods,
        path: route.path,
        public: route.is_public(),
        parameters: route.parameters.iter().map(|parameter| parameter.name).collect(),
    });
    route.collect()
}
