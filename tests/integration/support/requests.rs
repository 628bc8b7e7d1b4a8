//! Requests as verbs, with the right key: to any path, and to the most common routes. An instance
//! may be followed by more parameters: `function.stop("i-abba916a&wait=5")`.

use super::{Answer, Function, HttpApiEvent, REGION};
use serde_json::Value;

impl Function {
    /// Sends an event.
    pub async fn send(&self, event: HttpApiEvent) -> Answer {
        self.invoke(&event.json()).await
    }

    /// Sends a request with the right key.
    pub async fn call(&self, method: &str, path_and_query: &str) -> Answer {
        self.send(HttpApiEvent::new(method, path_and_query).key()).await
    }

    pub async fn get(&self, path_and_query: &str) -> Answer {
        self.call("GET", path_and_query).await
    }

    pub async fn head(&self, path_and_query: &str) -> Answer {
        self.call("HEAD", path_and_query).await
    }

    pub async fn post(&self, path_and_query: &str) -> Answer {
        self.call("POST", path_and_query).await
    }

    pub async fn put(&self, path_and_query: &str) -> Answer {
        self.call("PUT", path_and_query).await
    }

    pub async fn delete(&self, path_and_query: &str) -> Answer {
        self.call("DELETE", path_and_query).await
    }

    pub async fn post_json(&self, path_and_query: &str, body: &Value) -> Answer {
        self.send(HttpApiEvent::new("POST", path_and_query).key().json_body(body)).await
    }

    pub async fn put_json(&self, path_and_query: &str, body: &Value) -> Answer {
        self.send(HttpApiEvent::new("PUT", path_and_query).key().json_body(body)).await
    }

    /// Lists the instances of a region by `/ec2`.
    pub async fn list(&self, region: &str) -> Answer {
        self.get(&format!("/ec2/list?region_name={region}")).await
    }

    /// Starts an instance of [`REGION`] by `/ec2`.
    pub async fn start(&self, instance: &str) -> Answer {
        self.change("start", instance).await
    }

    /// Stops an instance of [`REGION`] by `/ec2`.
    pub async fn stop(&self, instance: &str) -> Answer {
        self.change("stop", instance).await
    }

    /// Reboots an instance of [`REGION`] by `/ec2`.
    pub async fn reboot(&self, instance: &str) -> Answer {
        self.change("reboot", instance).await
    }

    /// Terminates an instance of [`REGION`] by `/ec2`.
    pub async fn terminate(&self, instance: &str) -> Answer {
        self.change("terminate", instance).await
    }

    async fn change(&self, action: &str, instance: &str) -> Answer {
        self.post(&format!("/ec2/{action}?region_name={REGION}&instance_id={instance}")).await
    }
}
