//! The private key of a key pair: read from a file or a setting, decrypted where it is encrypted.

use crate::error::ServiceError;
use crate::settings::KeySource;
use base64::Engine as _;
use pkcs8::der::pem::LineEnding;
use pkcs8::{Document, EncryptedPrivateKeyInfo, PrivateKeyInfo, SecretDocument};

fn wrong(message: String, hint: &str) -> ServiceError {
    ServiceError::Settings { message, hint: Some(hint.to_owned()) }
}

/// The key as unencrypted PKCS#8 PEM, which the client signs its login token with.
///
/// # Errors
/// A file that cannot be read, a text that is no PKCS#8 key, a missing or wrong passphrase. No message holds any of it.
pub(crate) fn private_key(source: &KeySource, passphrase: Option<&str>) -> Result<String, ServiceError> {
    let (text, setting) = match source {
        KeySource::Text(text) => (text.clone(), "private_key"),
        KeySource::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                wrong(
                    format!("the private key file {} cannot be read: {error}", path.display()),
                    "set 'private_key_path' of the target to a PKCS#8 file in PEM form",
                )
            })?;
            (text, "private_key_path")
        }
    };
    let document = document(text.trim(), setting)?;
    let encrypted = EncryptedPrivateKeyInfo::try_from(document.as_bytes());
    let key = match (encrypted, passphrase) {
        (Ok(encrypted), Some(passphrase)) => encrypted.decrypt(passphrase).map_err(|_| {
            wrong(
                format!("the private key of '{setting}' cannot be decrypted"),
                "check 'private_key_passphrase' of the target, and the environment variable that it comes from",
            )
        })?,
        (Ok(_), None) => {
            return Err(wrong(
                format!("the private key of '{setting}' is encrypted"),
                "set 'private_key_passphrase' of the target, from an environment variable",
            ));
        }
        (Err(_), _) => document,
    };
    let info = PrivateKeyInfo::try_from(key.as_bytes()).map_err(|_| not_a_key(setting))?;
    let document = SecretDocument::try_from(&info).map_err(|_| not_a_key(setting))?;
    document.to_pem("PRIVATE KEY", LineEnding::LF).map(|pem| pem.to_string()).map_err(|_| not_a_key(setting))
}

fn not_a_key(setting: &str) -> ServiceError {
    wrong(
        format!("'{setting}' of the target is no PKCS#8 private key"),
        "a key begins with -----BEGIN PRIVATE KEY----- or -----BEGIN ENCRYPTED PRIVATE KEY-----; one that begins with \
         -----BEGIN RSA PRIVATE KEY----- is changed by: openssl pkcs8 -topk8 -in old.pem -out new.p8",
    )
}

/// PEM, or the base64 of DER.
fn document(text: &str, setting: &str) -> Result<SecretDocument, ServiceError> {
    if text.starts_with("-----") {
        // One line with `\n` written out, as environment variables often hold it.
        let text = text.replace("\\n", "\n");
        return SecretDocument::from_pem(&text).map(|(_, document)| document).map_err(|_| not_a_key(setting));
    }
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| not_a_key(setting))?;
    Document::try_from(der).map(Document::into_secret).map_err(|_| not_a_key(setting))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A throw-away key that opens nothing: `openssl genpkey -algorithm ed25519`, plain and with the passphrase `kpi`.
    const PLAIN: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";

    fn told(result: Result<String, ServiceError>) -> String {
        match result {
            Ok(key) => format!("{} lines\n", key.lines().count()),
            Err(ServiceError::Settings { message, hint }) => {
                format!("{message}\n  hint: {}\n", hint.unwrap_or_default())
            }
            Err(other) => format!("{other:?}\n"),
        }
    }

    #[test]
    fn a_key_is_taken_as_pem_and_as_base64() {
        let pem = private_key(&KeySource::Text(PLAIN.into()), None).unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{pem}");
        assert_eq!(private_key(&KeySource::Text(pem.clone()), None).unwrap(), pem);
        assert_eq!(private_key(&KeySource::Text(pem.replace('\n', "\\n")), None).unwrap(), pem);
    }

    #[test]
    fn an_encrypted_key_needs_its_passphrase() {
        let info = document(PLAIN, "private_key").unwrap();
        let info = PrivateKeyInfo::try_from(info.as_bytes()).unwrap();
        let parameters =
            pkcs8::pkcs5::pbes2::Parameters::pbkdf2_sha256_aes256cbc(1000, &[7; 16], &[9; 16]).unwrap();
        let encrypted = info.encrypt_with_params(parameters, "kpi").unwrap();
        let pem = encrypted.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).unwrap().to_string();
        let plain = private_key(&KeySource::Text(PLAIN.into()), None).unwrap();
        assert_eq!(private_key(&KeySource::Text(pem.clone()), Some("kpi")).unwrap(), plain);
        insta::assert_snapshot!(
            [
                private_key(&KeySource::Text(pem.clone()), None),
                private_key(&KeySource::Text(pem), Some("wrong")),
                private_key(&KeySource::Text("not a key".into()), None),
                private_key(&KeySource::File("/nowhere/kpi.p8".into()), None),
            ]
            .map(told)
            .join("\n")
        );
    }
}
