//! Errors in each provider's shape.

use serde_json::{Value, json};

use super::Dialect;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// The key is not accepted.
    Unauthorized,
    /// There is no such model.
    UnknownModel(String),
    /// The request has a fault.
    Invalid(String),
    /// The body is too large to be read.
    TooLarge(String),
    /// The input does not fit the model.
    ContextLength,
    /// A filter stopped the request.
    Filtered,
    /// The account has no credit.
    NoCredit,
    /// Too many requests; to be left alone for so many milliseconds.
    RateLimit(u64),
    /// Too many requests; nobody says for how long.
    RateLimitUntold,
    /// The provider failed.
    Server,
}

impl Wrong {
    /// The HTTP status.
    pub fn status(&self, dialect: Dialect) -> u16 {
        match self {
            Self::Unauthorized if dialect == Dialect::Bedrock => 403,
            Self::Unauthorized if dialect == Dialect::Gemini => 400,
            Self::Unauthorized => 401,
            Self::UnknownModel(_) => 404,
            Self::NoCredit if matches!(dialect, Dialect::Anthropic | Dialect::Bedrock) => 400,
            Self::Invalid(_) | Self::ContextLength | Self::Filtered => 400,
            Self::TooLarge(_) => 413,
            Self::RateLimit(_) | Self::RateLimitUntold | Self::NoCredit => 429,
            Self::Server => 500,
        }
    }

    /// The body, and the kind of error that AWS names in a header.
    pub fn body(&self, dialect: Dialect) -> (Value, Option<&'static str>) {
        match dialect {
            Dialect::OpenAi | Dialect::Responses => (self.openai(), None),
            Dialect::Azure => (self.azure(), None),
            Dialect::Anthropic => (self.anthropic(), None),
            Dialect::Gemini => (self.gemini(), None),
            Dialect::Bedrock => (json!({"message": self.words(dialect)}), Some(self.aws_kind())),
        }
    }

    fn words(&self, dialect: Dialect) -> String {
        match (self, dialect) {
            (Self::Unauthorized, Dialect::Gemini) => "API key not valid. Please pass a valid API key.".into(),
            (Self::Unauthorized, _) => "Incorrect API key provided.".into(),
            (Self::UnknownModel(name), _) => format!("The model `{name}` does not exist."),
            (Self::Invalid(message) | Self::TooLarge(message), _) => message.clone(),
            (Self::ContextLength, Dialect::Anthropic) => "prompt is too long: 210000 tokens > 200000 maximum".into(),
            (Self::ContextLength, Dialect::Bedrock) => "Input is too long for requested model.".into(),
            (Self::ContextLength, Dialect::Gemini) => {
                "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).".into()
            }
            (Self::ContextLength, _) => "This model's maximum context length is 8192 tokens.".into(),
            (Self::Filtered, _) => "The request was stopped by a content filter.".into(),
            (Self::NoCredit, Dialect::Anthropic) => "Your credit balance is too low to access the API.".into(),
            (Self::NoCredit, _) => "You exceeded your current quota, please check your plan and billing.".into(),
            (Self::RateLimit(_) | Self::RateLimitUntold, _) => "Rate limit reached for requests.".into(),
            (Self::Server, _) => "The server had an error while processing your request.".into(),
        }
    }

    fn openai(&self) -> Value {
        let (kind, code) = match self {
            Self::Unauthorized => ("invalid_request_error", Some("invalid_api_key")),
            Self::UnknownModel(_) => ("invalid_request_error", Some("model_not_found")),
            Self::Invalid(_) | Self::TooLarge(_) => ("invalid_request_error", None),
            Self::ContextLength => ("invalid_request_error", Some("context_length_exceeded")),
            Self::Filtered => ("invalid_request_error", Some("content_filter")),
            Self::NoCredit => ("insufficient_quota", Some("insufficient_quota")),
            Self::RateLimit(_) | Self::RateLimitUntold => ("requests", Some("rate_limit_exceeded")),
            Self::Server => ("server_error", None),
        };
        let message = self.words(Dialect::OpenAi);
        json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
    }

    fn azure(&self) -> Value {
        let code = match self {
            Self::Unauthorized => "401",
            Self::UnknownModel(_) => "DeploymentNotFound",
            Self::Invalid(_) | Self::TooLarge(_) => "BadRequest",
            Self::ContextLength => "context_length_exceeded",
            Self::Filtered => "content_filter",
            Self::NoCredit => "insufficient_quota",
            Self::RateLimit(_) | Self::RateLimitUntold => "429",
            Self::Server => "InternalServerError",
        };
        json!({"error": {"code": code, "message": self.words(Dialect::Azure)}})
    }

    fn anthropic(&self) -> Value {
        let kind = match self {
            Self::Unauthorized => "authentication_error",
            Self::UnknownModel(_) => "not_found_error",
            Self::TooLarge(_) => "request_too_large",
            Self::Invalid(_) | Self::ContextLength | Self::Filtered | Self::NoCredit => "invalid_request_error",
            Self::RateLimit(_) | Self::RateLimitUntold => "rate_limit_error",
            Self::Server => "api_error",
        };
        let error = json!({"type": kind, "message": self.words(Dialect::Anthropic)});
        json!({"type": "error", "error": error, "request_id": "req_simulator"})
    }

    fn gemini(&self) -> Value {
        let status = match self {
            Self::UnknownModel(_) => "NOT_FOUND",
            Self::RateLimit(_) | Self::RateLimitUntold | Self::NoCredit => "RESOURCE_EXHAUSTED",
            Self::Server => "INTERNAL",
            _ => "INVALID_ARGUMENT",
        };
        let google = |kind: &str| format!("type.googleapis.com/google.rpc.{kind}");
        let details = match self {
            Self::RateLimit(wait_ms) => {
                let delay = format!("{}.{:03}s", wait_ms / 1_000, wait_ms % 1_000);
                json!([{"@type": google("RetryInfo"), "retryDelay": delay}])
            }
            Self::NoCredit => {
                let violation = json!({"quotaId": "GenerateRequestsPerDayPerProjectPerModel"});
                json!([{"@type": google("QuotaFailure"), "violations": [violation]}])
            }
            _ => json!([]),
        };
        let code = self.status(Dialect::Gemini);
        json!({"error": {"code": code, "message": self.words(Dialect::Gemini), "status": status, "details": details}})
    }

    fn aws_kind(&self) -> &'static str {
        match self {
            Self::Unauthorized => "UnrecognizedClientException",
            Self::UnknownModel(_) => "ResourceNotFoundException",
            Self::NoCredit => "ServiceQuotaExceededException",
            Self::RateLimit(_) | Self::RateLimitUntold => "ThrottlingException",
            Self::Server => "InternalServerException",
            _ => "ValidationException",
        }
    }
}
