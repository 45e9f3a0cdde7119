#include "services/pcm/config.h"

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/shared_options.h"
#include "common/model/ids.h"
#include "common/status/status_macros.h"

namespace waybill::pcm {
namespace {

void DeclareModes(config::Parser& parser, Config& config) {
  parser.Switch("once", config.once, "ask the site once, show the offers, run what is due, end");
  parser.Switch("service", config.service, "ask and run until told to stop; logs JSON");
  parser.Switch("list", config.list, "ask the site once, show the offers, run nothing");
  parser.Integer("simulate", config.simulate, {1, 100'000},
                 "be so many workstations, of those in --identities");
  parser.Check([&config] {
    const int modes = static_cast<int>(config.once) + static_cast<int>(config.service) +
                      static_cast<int>(config.list) + static_cast<int>(config.simulate > 0);
    return modes == 1 ? absl::OkStatus()
                      : absl::InvalidArgumentError(
                            "give exactly one of --once, --service, --list and --simulate");
  });
}

void DeclareIdentity(config::Parser& parser, Config& config) {
  parser.Path("tls-ca-file", config.tls.ca_file,
              "PEM file of the authorities whose peers are believed");
  parser.Require("tls-ca-file");
  parser.Path("tls-certificate-file", config.tls.certificate_file, "PEM file of our certificate");
  parser.Path("tls-key-file", config.tls.key_file, "PEM file of our certificate's private key");
  parser.Path("tls-crl-directory", config.tls.crl_directory,
              "directory of hashed revocation lists; none if not given");
  parser.Path("identities", config.identities_directory,
              "directory of <SMS ID>.pem and <SMS ID>.key, with --simulate");
  parser.Text("site", config.site_code, "the site's code; by default the certificate's");
  parser.Text("sms-id", config.sms_id, "our SMS ID; by default the certificate's");
  parser.Check([&config]() -> absl::Status {
    if (!config.site_code.empty()) {
      WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("--site", config.site_code));
    }
    if (!config.sms_id.empty()) {
      WAYBILL_RETURN_IF_ERROR(model::CheckSmsId("--sms-id", config.sms_id));
    }
    if (config.simulate > 0) {
      return config.identities_directory.empty()
                 ? absl::InvalidArgumentError("--simulate needs --identities")
                 : absl::OkStatus();
    }
    return config.tls.certificate_file.empty() || config.tls.key_file.empty()
               ? absl::InvalidArgumentError(
                     "--tls-certificate-file and --tls-key-file must be given")
               : absl::OkStatus();
  });
}

}  // namespace

void DeclareConfig(config::Parser& parser, Config& config) {
  DeclareModes(parser, config);
  parser.Address("server", config.server, "the PCM-Manager of our site, host:port");
  parser.Require("server");
  DeclareIdentity(parser, config);
  parser.Path("state-directory", config.state_directory,
              "what was run and what was offered; of one workstation only");
  parser.Require("state-directory");
  parser.Path("cache-directory", config.cache_directory,
              "fetched packages; by default beneath the state directory");
  parser.TextList("accept", config.accepted_job_ids,
                  "job id of an offer to run before it is mandatory; may be repeated");
  parser.Switch("accept-all", config.accepts_all, "run every offer before it is mandatory");
  parser.Check([&config] {
    for (const std::string& job_id : config.accepted_job_ids) {
      WAYBILL_RETURN_IF_ERROR(model::CheckJobId("--accept", job_id));
    }
    return absl::OkStatus();
  });
  parser.Duration("drain-max", config.drain_max, {absl::Milliseconds(1), absl::Hours(1)},
                  "how long a stop waits for the running command before it kills it");
  parser.Duration("poll-interval", config.poll_interval, {absl::Milliseconds(10), absl::Hours(1)},
                  "the longest wait between tries while the site cannot be reached");
  parser.Duration("fetch-wait-max", config.fetch_wait_max, {absl::Milliseconds(1), absl::Hours(24)},
                  "how long the servers of an offer are tried before it has failed");
  parser.Integer("runs-max", config.runs_max, {1, 1000},
                 "commands at once over all simulated workstations");
  parser.Integer("poll-threads", config.poll_threads, {1, 256},
                 "threads that simulated workstations share");
  config::AddLogOption(parser, config.log_level);
}

}  // namespace waybill::pcm
