#ifndef WAYBILL_SERVICES_SENDER_CONFIG_H_
#define WAYBILL_SERVICES_SENDER_CONFIG_H_

#include <string>

#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/shared_options.h"

namespace waybill::sender {

/// What the Sender is told. README.md says what each setting is for.
struct Config {
  config::ServiceOptions service;
  config::JobDatabaseOptions job_database;
  std::string ports_file;
  std::string admin_address = "127.0.0.1:0";
  std::string store_directory;
  int concurrent_sends = 5;
  absl::Duration poll_interval = absl::Seconds(60);
  absl::Duration lease = absl::Seconds(15);
  absl::Duration progress_max = absl::Minutes(2);
  absl::Duration retry_base = absl::Seconds(5);
  absl::Duration retry_max = absl::Minutes(15);
  absl::Duration space_retry = absl::Seconds(10);
};

/// Declares all settings; `config` is borrowed until the parser has parsed.
void DeclareConfig(config::Parser& parser, Config& config);

}  // namespace waybill::sender

#endif  // WAYBILL_SERVICES_SENDER_CONFIG_H_
