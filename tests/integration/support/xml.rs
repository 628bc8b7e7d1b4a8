//! What AWS answers, as the XML that it sends.

/// An error of EC2.
pub fn refusal(code: &str, message: &str) -> String {
    format!("<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>")
}
