#include "common/config/shared_options.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/tls_files.h"
#include "common/logging/log.h"

namespace waybill::config {
namespace {

constexpr std::size_t kSiteCodeBytes = 3;

absl::Status SetSiteCode(std::string& target, const std::string& value) {
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return absl::ascii_isupper(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
  if (value.size() != kSiteCodeBytes || !plain) {
    return absl::InvalidArgumentError("expected three of A-Z and 0-9, such as CEN");
  }
  target = value;
  return absl::OkStatus();
}

absl::Status ReadUriFile(const std::string& path, std::string& target) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  absl::StripAsciiWhitespace(&text);
  if (!file || text.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("job-database-uri-file: cannot read a URI from ", path));
  }
  target = text;
  return absl::OkStatus();
}

}  // namespace

void AddTlsOptions(Parser& parser, TlsFiles& files) {
  parser.Path("tls-ca-file", files.ca_file, "PEM file of the authorities whose peers are believed");
  parser.Path("tls-certificate-file", files.certificate_file, "PEM file of our certificate");
  parser.Path("tls-key-file", files.key_file, "PEM file of our certificate's private key");
  parser.Path("tls-crl-directory", files.crl_directory,
              "directory of hashed revocation lists; none if not given");
  parser.Require("tls-ca-file");
  parser.Require("tls-certificate-file");
  parser.Require("tls-key-file");
}

void AddLogOption(Parser& parser, log::Level& level) {
  const auto set = [&level](const std::string& value) {
    return log::ParseLevel(value, &level)
               ? absl::OkStatus()
               : absl::InvalidArgumentError("expected debug, info, warning or error");
  };
  parser.Custom("log-level", "LEVEL", "info", set, "the least important lines that are written");
}

void AddServiceOptions(Parser& parser, ServiceOptions& options) {
  parser.Custom(
      "site-code", "CODE", "",
      [&options](const std::string& value) { return SetSiteCode(options.site_code, value); },
      "the site this service belongs to");
  parser.Require("site-code");
  AddTlsOptions(parser, options.tls);
  parser.Address("metrics-address", options.metrics_address,
                 "where /metrics is served, without TLS; port 0 picks a free one");
  AddLogOption(parser, options.log_level);
  parser.Duration("drain-max", options.drain_max, {absl::Milliseconds(1), absl::Minutes(10)},
                  "how long calls may go on after SIGTERM");
}

void AddJobDatabaseUri(Parser& parser, std::string& uri) {
  const auto file = std::make_shared<std::string>();
  parser.Text("job-database-uri", uri, "libpq URI of the site's job database");
  parser.Path("job-database-uri-file", *file, "file that holds that URI, if it has a secret");
  parser.Check([file, &uri] {
    if (file->empty() == uri.empty()) {
      return absl::InvalidArgumentError(
          "job-database-uri: give it or job-database-uri-file, and not both");
    }
    return file->empty() ? absl::OkStatus() : ReadUriFile(*file, uri);
  });
}

void AddJobDatabaseOptions(Parser& parser, JobDatabaseOptions& options) {
  AddJobDatabaseUri(parser, options.uri);
  parser.Duration("database-wait-max", options.wait_max, {absl::Milliseconds(1), absl::Hours(24)},
                  "how long the job database is waited for at start");
}

}  // namespace waybill::config
