#ifndef WAYBILL_SERVICES_PCM_CONFIG_H_
#define WAYBILL_SERVICES_PCM_CONFIG_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/tls_files.h"
#include "common/logging/log.h"

namespace waybill::pcm {

/// What the Package Command Manager is told. README.md says what each setting is for.
struct Config {
  bool once = false;
  bool service = false;
  bool list = false;
  int simulate = 0;  ///< How many workstations; 0: this is a real one.

  std::string server;
  std::string site_code;  ///< Empty: the certificate's.
  std::string sms_id;     ///< Empty: the certificate's.
  config::TlsFiles tls;
  std::string identities_directory;  ///< Of simulated workstations.
  std::string state_directory;
  std::string cache_directory;  ///< Empty: "cache" beneath the state directory.
  std::vector<std::string> accepted_job_ids;
  bool accepts_all = false;
  absl::Duration drain_max = absl::Seconds(10);
  absl::Duration poll_interval = absl::Seconds(60);  ///< The longest wait for a site that is away.
  absl::Duration fetch_wait_max = absl::Minutes(10);
  int runs_max = 2;
  int poll_threads = 16;
  log::Level log_level = log::Level::kInfo;
};

/// Declares all settings; `config` is borrowed until the parser has parsed.
void DeclareConfig(config::Parser& parser, Config& config);

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_CONFIG_H_
