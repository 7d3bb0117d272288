//! Kinds of sensitive data, and which of them are taken out.

/// A kind of sensitive data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A private key in PEM.
    PrivateKey,
    /// A JSON Web Token.
    Jwt,
    /// User and password of a URL.
    UrlCredential,
    /// The value of an `Authorization` header.
    AuthHeader,
    /// A key of a service.
    ApiKey,
    /// A password that is called one.
    Password,
    /// A mail address.
    Email,
    /// A card number with the right check digit.
    CreditCard,
    /// A bank account with the right check digits.
    Iban,
    /// A social security number of the United States.
    UsSsn,
    /// A date of birth that is called one.
    DateOfBirth,
    /// A passport number that is called one.
    Passport,
    /// A driving licence that is called one.
    DriverId,
    /// A patient's or insurance number that is called one.
    MedicalRecord,
    /// The address of a wallet.
    Crypto,
    /// An IP address.
    Ip,
    /// A telephone number.
    Phone,
}

impl Kind {
    /// Every kind; where two overlap the first one is told.
    pub const ALL: [Self; 17] = [
        Self::PrivateKey,
        Self::Jwt,
        Self::UrlCredential,
        Self::AuthHeader,
        Self::ApiKey,
        Self::Password,
        Self::Email,
        Self::CreditCard,
        Self::Iban,
        Self::UsSsn,
        Self::DateOfBirth,
        Self::Passport,
        Self::DriverId,
        Self::MedicalRecord,
        Self::Crypto,
        Self::Ip,
        Self::Phone,
    ];

    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrivateKey => "PRIVATE_KEY",
            Self::Jwt => "JWT",
            Self::UrlCredential => "URL_CRED",
            Self::AuthHeader => "AUTH_HEADER",
            Self::ApiKey => "API_KEY",
            Self::Password => "PASSWORD",
            Self::Email => "EMAIL",
            Self::CreditCard => "CREDIT_CARD",
            Self::Iban => "IBAN",
            Self::UsSsn => "US_SSN",
            Self::DateOfBirth => "DATE_OF_BIRTH",
            Self::Passport => "PASSPORT",
            Self::DriverId => "DRIVER_ID",
            Self::MedicalRecord => "MEDICAL_RECORD",
            Self::Crypto => "CRYPTO",
            Self::Ip => "IP",
            Self::Phone => "PHONE",
        }
    }

    /// Whether whoever has it can use it in place of its owner.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(
            self,
            Self::PrivateKey | Self::Jwt | Self::UrlCredential | Self::AuthHeader | Self::ApiKey | Self::Password
        )
    }
}

/// Which kinds are taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// All.
    #[default]
    All,
    /// What is about people.
    Personal,
    /// Keys and passwords.
    Secrets,
}

impl Policy {
    /// The policy of a name: `all` (or `pii-strict`), `pii`, `secrets`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "all" | "pii-strict" => Some(Self::All),
            "pii" => Some(Self::Personal),
            "secrets" => Some(Self::Secrets),
            _ => None,
        }
    }

    /// Whether a kind is taken out.
    #[must_use]
    pub const fn takes(self, kind: Kind) -> bool {
        match self {
            Self::All => true,
            Self::Personal => !kind.is_secret(),
            Self::Secrets => kind.is_secret(),
        }
    }
}
