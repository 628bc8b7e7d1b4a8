// @ts-check
// The API reference: shows openapi.json with Swagger UI.

/** The path of the API: this page is at docs or docs/ below it, behind whatever stage or path. */
const base = location.pathname.replace(/docs\/?$/, "");

/**
 * Returns the element with this ID, which must be of this class.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`No such element: ${id}`);
  return element;
}

/**
 * Appends an element. Resolves when it has loaded.
 * @template {HTMLElement} T
 * @param {T} element
 * @param {HTMLElement} parent
 */
function load(element, parent) {
  return new Promise((resolve, reject) => {
    element.onload = resolve;
    element.onerror = reject;
    parent.append(element);
  });
}

/** Loads the style sheet and the script of Swagger UI. */
async function loadViewer() {
  const styles = document.createElement("link");
  styles.rel = "stylesheet";
  styles.href = `${base}docs/swagger-ui.css`;
  const script = document.createElement("script");
  script.src = `${base}docs/swagger-ui-bundle.js`;
  await Promise.all([load(styles, document.head), load(script, document.body)]);
}

/** Shows the document. */
function showDocument() {
  // The document names one server, the one of this page, and no keys are entered here.
  const hidden = ["ServersContainer", "AuthorizeBtnContainer", "authorizeOperationBtn"];
  const wrapComponents = Object.fromEntries(hidden.map((name) => [name, () => () => null]));
  /** @type {(options: object) => void} */
  const SwaggerUIBundle = Reflect.get(window, "SwaggerUIBundle");
  SwaggerUIBundle({
    url: `${base}openapi.json`,
    domNode: reference,
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    docExpansion: "list",
    syntaxHighlight: { activated: false }, // its colours have too little contrast
    supportedSubmitMethods: [], // requests are sent by the console or curl
    validatorUrl: null, // no requests to other origins
    plugins: [() => ({ wrapComponents })],
  });
}

const reference = byId("reference", HTMLElement);
byId("console", HTMLAnchorElement).href = base;
byId("document", HTMLAnchorElement).href = `${base}openapi.json`;

// Swagger UI does not label its menus of examples.
new MutationObserver(() => {
  const menus = document.querySelectorAll("select.examples-select-element:not([aria-label])");
  for (const menu of menus) menu.ariaLabel = "Example";
}).observe(reference, { childList: true, subtree: true });

loadViewer()
  .then(showDocument)
  .catch(() => {
    reference.textContent = "The viewer could not be loaded. Reload this page to try again.";
  });
