#ifndef WAYBILL_COMMON_CONFIG_SHARED_OPTIONS_H_
#define WAYBILL_COMMON_CONFIG_SHARED_OPTIONS_H_

#include <string>

#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/tls_files.h"
#include "common/logging/log.h"

namespace waybill::config {

/// What every service is told.
struct ServiceOptions {
  std::string site_code;                         ///< --site-code: three letters or digits.
  TlsFiles tls;                                  ///< See AddTlsOptions.
  std::string metrics_address = "127.0.0.1:0";   ///< --metrics-address; port 0 picks a free one.
  log::Level log_level = log::Level::kInfo;      ///< --log-level
  absl::Duration drain_max = absl::Seconds(10);  ///< --drain-max: from SIGTERM to the end of calls.
};

/// Declares them; --site-code and the TLS files are required.
void AddServiceOptions(Parser& parser, ServiceOptions& options);

/// --tls-ca-file, --tls-certificate-file, --tls-key-file (required), --tls-crl-directory.
void AddTlsOptions(Parser& parser, TlsFiles& files);

/// --log-level
void AddLogOption(Parser& parser, log::Level& level);

/// Declares --job-database-uri (libpq URI) and --job-database-uri-file (a file that holds it, for
/// URIs with a secret, which flags and environments would show to others). Exactly one must be
/// given.
void AddJobDatabaseUri(Parser& parser, std::string& uri);

/// The site's job database, for a service.
struct JobDatabaseOptions {
  std::string uri;                             ///< See AddJobDatabaseUri.
  absl::Duration wait_max = absl::Minutes(1);  ///< --database-wait-max: for it, at start.
};

void AddJobDatabaseOptions(Parser& parser, JobDatabaseOptions& options);

}  // namespace waybill::config

#endif  // WAYBILL_COMMON_CONFIG_SHARED_OPTIONS_H_
