//! Reading the ledger as an auditor would: straight from the database.

use crate::stack::Stack;
use std::process::Command;

impl Stack {
    /// The single value a query gives, as text.
    #[must_use]
    pub fn sql(&self, query: &str) -> String {
        let output = Command::new("psql").args([self.postgres.url().as_str(), "-tAX", "-c", query]).output().unwrap();
        assert!(output.status.success(), "{query}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}
