#ifndef WAYBILL_SERVICES_PCM_MANAGER_CONFIG_H_
#define WAYBILL_SERVICES_PCM_MANAGER_CONFIG_H_

#include <string>

#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/shared_options.h"

namespace waybill::pcm_manager {

/// What the PCM-Manager is told. README.md says what each setting is for.
struct Config {
  config::ServiceOptions service;
  config::JobDatabaseOptions job_database;
  std::string ports_file;
  std::string workstations_address = "127.0.0.1:0";
  std::string site_directory;
  absl::Duration poll_interval = absl::Seconds(60);
  absl::Duration pcm_poll_interval = absl::Minutes(60);
};

/// Declares all settings; `config` is borrowed until the parser has parsed.
void DeclareConfig(config::Parser& parser, Config& config);

}  // namespace waybill::pcm_manager

#endif  // WAYBILL_SERVICES_PCM_MANAGER_CONFIG_H_
