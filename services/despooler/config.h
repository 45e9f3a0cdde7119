#ifndef WAYBILL_SERVICES_DESPOOLER_CONFIG_H_
#define WAYBILL_SERVICES_DESPOOLER_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/shared_options.h"

namespace waybill::despooler {

/// What the Despooler is told. README.md says what each setting is for.
struct Config {
  config::ServiceOptions service;
  config::JobDatabaseOptions job_database;
  std::string ports_file;
  std::string sites_address = "127.0.0.1:0";
  std::string store_directory;
  std::string site_directory;
  std::map<std::string, std::string> drives;  ///< Letter ("c") to directory.
  std::int64_t drive_reserve_bytes = 100'000'000;

  // Receiving.
  int transfers_max = 8;
  std::int64_t credit_bytes = 32 << 20;
  absl::Duration progress_max = absl::Minutes(5);  ///< Of a transfer: until the next message.

  // Distributing.
  absl::Duration poll_interval = absl::Seconds(60);
  absl::Duration lease = absl::Seconds(15);
  absl::Duration retry_base = absl::Seconds(5);
  absl::Duration retry_max = absl::Minutes(15);
};

/// Declares all settings; `config` is borrowed until the parser has parsed.
void DeclareConfig(config::Parser& parser, Config& config);

/// One --drive: a letter, "=" and an absolute path, such as "c=/srv/waybill/c". INVALID_ARGUMENT
/// says what is expected.
struct Drive {
  std::string letter;
  std::string directory;
};
absl::StatusOr<Drive> ParseDrive(absl::string_view text);

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_CONFIG_H_
