//! Where the files of a stage are: the storage of the cloud that the account lives in, with what opens it for one file.
//!
//! Requests to S3 are signed by `object_store`; those to the others carry a token.

use crate::error::ServiceError;
use crate::settings::SnowflakeSettings;
use crate::transport::{chain, pause, retry_after};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use reqwest::{Client, StatusCode};
use serde_json::Value as Json;
use std::time::Duration;

/// How often a file is sent.
const ATTEMPTS: u32 = 3;
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(120);
const CONNECT: Duration = Duration::from_secs(10);

/// Where one file goes.
pub(crate) enum Place {
    S3(Box<S3>),
    /// An address that says by itself, or by a header, that the file may come.
    Address {
        url: String,
        headers: Vec<(&'static str, String)>,
    },
}

/// A file in S3, and the session's credentials for it.
pub(crate) struct S3 {
    region: String,
    bucket: String,
    path: String,
    /// With its scheme; empty for the region's own.
    endpoint: String,
    /// The endpoint names no bucket.
    bucket_in_path: bool,
    key: String,
    secret: String,
    token: String,
}

fn closed(message: impl Into<String>) -> ServiceError {
    ServiceError::Unreachable { message: message.into(), may_have_run: false }
}

impl Place {
    /// The place of the file `name`, by the answer to a `put`.
    ///
    /// # Errors
    /// A stage that wants its files encrypted here, a cloud that is not known.
    pub fn of(answer: &Json, name: &str) -> Result<Self, ServiceError> {
        let stage = answer.get("stageInfo").unwrap_or(&Json::Null);
        let text = |key: &str| stage.pointer(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let flag = |key: &str| stage.get(key).and_then(Json::as_bool) == Some(true);
        if answer.get("encryptionMaterial").is_some_and(|material| {
            material.is_object() || material.as_array().is_some_and(|all| all.iter().any(Json::is_object))
        }) {
            return Err(closed("the stage wants its files encrypted before they come"));
        }
        let location = text("/location");
        let (bucket, folder) = location.split_once('/').unwrap_or((location.as_str(), ""));
        let folder = folder.trim_matches('/');
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let region = text("/region");
        let endpoint = text("/endPoint");
        // Only a service on one's own machine names a scheme.
        let own = endpoint.starts_with("http://") || endpoint.starts_with("https://");
        match text("/locationType").to_ascii_uppercase().as_str() {
            "S3" => {
                let endpoint = match endpoint.as_str() {
                    "" if region.starts_with("cn-") => {
                        format!("https://{bucket}.s3.{region}.amazonaws.com.cn")
                    }
                    "" => String::new(),
                    _ if own => endpoint,
                    host => format!("https://{bucket}.{host}"),
                };
                Ok(Self::S3(Box::new(S3 {
                    region,
                    bucket: bucket.to_owned(),
                    path,
                    endpoint,
                    bucket_in_path: own,
                    key: text("/creds/AWS_KEY_ID"),
                    secret: text("/creds/AWS_SECRET_KEY"),
                    token: text("/creds/AWS_TOKEN"),
                })))
            }
            "AZURE" => {
                let account = text("/storageAccount");
                let host = if own { endpoint } else { format!("https://{account}.blob.{endpoint}") };
                let signature = text("/creds/AZURE_SAS_TOKEN");
                let signature = signature.trim_start_matches('?');
                Ok(Self::Address {
                    url: format!("{host}/{bucket}/{path}?{signature}"),
                    headers: vec![("x-ms-blob-type", "BlockBlob".to_owned())],
                })
            }
            "GCS" => {
                let signed = text("/presignedUrl");
                let token = text("/creds/GCS_ACCESS_TOKEN");
                if !token.is_empty() {
                    let url = match endpoint.as_str() {
                        _ if own => format!("{endpoint}/{bucket}/{path}"),
                        "" if flag("useVirtualUrl") => {
                            format!("https://{bucket}.storage.googleapis.com/{path}")
                        }
                        "" if flag("useRegionalUrl") || region.eq_ignore_ascii_case("me-central2") => {
                            format!(
                                "https://storage.{}.rep.googleapis.com/{bucket}/{path}",
                                region.to_lowercase()
                            )
                        }
                        "" => format!("https://storage.googleapis.com/{bucket}/{path}"),
                        host => format!("https://{host}/{bucket}/{path}"),
                    };
                    return Ok(Self::Address {
                        url,
                        headers: vec![("authorization", format!("Bearer {token}"))],
                    });
                }
                if signed.is_empty() {
                    return Err(closed("the stage gave no address for its file"));
                }
                Ok(Self::Address { url: signed, headers: Vec::new() })
            }
            "" => Err(closed("the service gave no place for the file")),
            other => Err(closed(format!("files of a stage in '{other}' cannot be written from here"))),
        }
    }
}

/// Writes one file.
///
/// # Errors
/// A storage that does not answer or does not let the file in. No message holds what opens it.
pub(crate) async fn upload(
    client: &Client,
    settings: &SnowflakeSettings,
    place: Place,
    text: Vec<u8>,
) -> Result<(), ServiceError> {
    match place {
        Place::S3(s3) => to_s3(settings, *s3, text).await,
        Place::Address { url, headers } => to_address(client, &url, &headers, text).await,
    }
}

async fn to_s3(settings: &SnowflakeSettings, s3: S3, text: Vec<u8>) -> Result<(), ServiceError> {
    let mut options = ClientOptions::new()
        .with_timeout(PATIENCE)
        .with_connect_timeout(CONNECT)
        .with_allow_http(s3.bucket_in_path)
        .with_allow_invalid_certificates(settings.accept_invalid_certificates);
    if let Some(proxy) = &settings.proxy {
        options = options.with_proxy_url(proxy);
    }
    let retries =
        RetryConfig { max_retries: ATTEMPTS as usize - 1, retry_timeout: PATIENCE, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new()
        .with_region(s3.region)
        .with_bucket_name(s3.bucket)
        .with_virtual_hosted_style_request(!s3.bucket_in_path)
        .with_access_key_id(s3.key)
        .with_secret_access_key(s3.secret)
        .with_client_options(options)
        .with_retry(retries);
    if !s3.token.is_empty() {
        builder = builder.with_token(s3.token);
    }
    if !s3.endpoint.is_empty() {
        builder = builder.with_endpoint(s3.endpoint);
    }
    let refused = |error: object_store::Error| {
        // Its text may hold an address; its kind says enough.
        let why = match &error {
            object_store::Error::PermissionDenied { .. } => "permission denied".to_owned(),
            object_store::Error::Unauthenticated { .. } => "its credentials do not count".to_owned(),
            object_store::Error::NotFound { .. } => "there is no such bucket".to_owned(),
            error => cause(error),
        };
        closed(format!("the storage of the stage: {why}"))
    };
    let store = builder.build().map_err(refused)?;
    let path = Path::parse(&s3.path).map_err(|error| closed(format!("the stage: {error}")))?;
    store.put(&path, text.into()).await.map(drop).map_err(refused)
}

/// The first cause of an error, in one line.
fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(cause) = inner.source() {
        inner = cause;
    }
    inner.to_string().lines().next().unwrap_or_default().chars().take(200).collect()
}

async fn to_address(
    client: &Client,
    url: &str,
    headers: &[(&'static str, String)],
    text: Vec<u8>,
) -> Result<(), ServiceError> {
    let mut attempt = 0;
    loop {
        let mut request = client.put(url).timeout(PATIENCE).body(text.clone());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let (message, wait) = match request.send().await {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => {
                let status = response.status();
                let again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                let wait = retry_after(response.headers());
                if !again {
                    return Err(closed(format!("the storage of the stage: HTTP {status}")));
                }
                (format!("HTTP {status}"), wait)
            }
            // The address holds a signature.
            Err(error) => (chain(&error.without_url()), None),
        };
        attempt += 1;
        if attempt >= ATTEMPTS {
            return Err(closed(format!("the storage of the stage: {message}")));
        }
        pause(attempt, wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The place without what opens it.
    fn place(stage: Json) -> String {
        match Place::of(&json!({"stageInfo": stage}), "rows_0.csv") {
            Ok(Place::S3(s3)) => {
                format!("S3 {} {} {} {} {}", s3.region, s3.bucket, s3.path, s3.endpoint, s3.bucket_in_path)
            }
            Ok(Place::Address { url, headers }) => {
                let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
                format!("{url} {}", names.join(" "))
            }
            Err(ServiceError::Unreachable { message, .. }) => message,
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn every_cloud_has_its_address() {
        let s3 = json!({"locationType": "S3", "location": "sfc-stages/abc/def/", "region": "eu-central-1", "endPoint": null,
            "creds": {"AWS_KEY_ID": "k", "AWS_SECRET_KEY": "s", "AWS_TOKEN": "t"}});
        let with = |stage: &Json, key: &str, value: Json| {
            let mut stage = stage.clone();
            stage[key] = value;
            stage
        };
        let azure = json!({"locationType": "AZURE", "location": "stages/abc/", "storageAccount": "sfcacc",
            "endPoint": "core.windows.net", "creds": {"AZURE_SAS_TOKEN": "?sig=x&se=y"}});
        let gcs = json!({"locationType": "GCS", "location": "gcs-stages/abc/", "region": "europe-west3",
            "creds": {"GCS_ACCESS_TOKEN": "t"}});
        insta::assert_snapshot!(
            [
                s3.clone(),
                with(&s3, "region", json!("cn-north-1")),
                with(&s3, "endPoint", json!("s3-fips.us-east-1.amazonaws.com")),
                with(&s3, "endPoint", json!("http://127.0.0.1:9000")),
                azure,
                gcs.clone(),
                with(&gcs, "useVirtualUrl", json!(true)),
                with(&gcs, "useRegionalUrl", json!(true)),
                with(&gcs, "endPoint", json!("storage.me-central2.rep.googleapis.com")),
                json!({"locationType": "GCS", "location": "b/", "creds": {}, "presignedUrl": "https://signed"}),
                json!({"locationType": "GCS", "location": "b/", "creds": {}}),
                json!({"locationType": "LOCAL_FS", "location": "/tmp"}),
                json!({}),
            ]
            .map(place)
            .join("\n")
        );
        let encrypted = json!({"encryptionMaterial": {"queryStageMasterKey": "k"}, "stageInfo": s3});
        assert!(Place::of(&encrypted, "rows_0.csv").is_err());
        let server_side =
            json!({"encryptionMaterial": [null], "stageInfo": {"locationType": "S3", "location": "b/"}});
        assert!(Place::of(&server_side, "rows_0.csv").is_ok());
    }
}
