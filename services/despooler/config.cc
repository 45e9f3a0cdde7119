#include "services/despooler/config.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/shared_options.h"
#include "common/status/status_macros.h"

namespace waybill::despooler {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

absl::Status AddDrive(const std::string& text, Config& config) {
  WAYBILL_ASSIGN_OR_RETURN(Drive drive, ParseDrive(text));
  const std::string letter = drive.letter;
  if (!config.drives.emplace(std::move(drive.letter), std::move(drive.directory)).second) {
    return absl::InvalidArgumentError(absl::StrCat("drive ", letter, " is given twice"));
  }
  return absl::OkStatus();
}

void DeclarePlaces(config::Parser& parser, Config& config) {
  parser.Address("sites-address", config.sites_address, "where senders reach this site");
  parser.Path("store-directory", config.store_directory, "compressed packages of the site");
  parser.Require("store-directory");
  parser.Path("site-directory", config.site_directory, "holds site.srv");
  parser.Require("site-directory");
  // Settings of the parser's list kind are plain text; the letters are looked at when all are in.
  auto drives = std::make_shared<std::vector<std::string>>();
  parser.TextList("drive", *drives, "a drive for temporary trees, as c=/path; may be repeated");
  parser.Require("drive");
  parser.Check([drives, &config] {
    for (const std::string& text : *drives) {
      const absl::Status status = AddDrive(text, config);
      if (!status.ok()) {
        return absl::InvalidArgumentError(absl::StrCat("--drive: ", status.message()));
      }
    }
    return absl::OkStatus();
  });
  parser.Bytes("drive-reserve", config.drive_reserve_bytes, {1, std::int64_t{1} << 50},
               "free bytes that are left alone on each drive and in the store");
}

void DeclareReceiving(config::Parser& parser, Config& config) {
  parser.Integer("transfers-max", config.transfers_max, {1, 64}, "transfers received at once");
  parser.Bytes("credit", config.credit_bytes, {4 * kMiB, 1024 * kMiB},
               "chunk bytes that a sender may have under way unacknowledged");
  parser.Duration("progress-max", config.progress_max, {absl::Seconds(1), absl::Hours(1)},
                  "a transfer from which nothing comes for so long is ended");
}

void DeclareDistributing(config::Parser& parser, Config& config) {
  parser.Duration("poll-interval", config.poll_interval, {absl::Milliseconds(10), absl::Hours(1)},
                  "how often work is looked for when nobody says that there is some");
  parser.Duration("lease", config.lease, {absl::Seconds(1), absl::Minutes(10)},
                  "for how long a piece of work is taken before it must be renewed");
  parser.Duration("retry-base", config.retry_base, {absl::Milliseconds(10), absl::Hours(1)},
                  "the longest wait after the first failure; doubles with each");
  parser.Duration("retry-max", config.retry_max, {absl::Milliseconds(10), absl::Hours(24)},
                  "the longest wait after any failure");
}

}  // namespace

void DeclareConfig(config::Parser& parser, Config& config) {
  config::AddServiceOptions(parser, config.service);
  config::AddJobDatabaseOptions(parser, config.job_database);
  parser.Path("ports-file", config.ports_file, "where the chosen ports are written, if anywhere");
  DeclarePlaces(parser, config);
  DeclareReceiving(parser, config);
  DeclareDistributing(parser, config);
}

absl::StatusOr<Drive> ParseDrive(absl::string_view text) {
  const bool good =
      text.size() >= 3 && text[0] >= 'a' && text[0] <= 'z' && text[1] == '=' && text[2] == '/';
  if (!good) {
    return absl::InvalidArgumentError(absl::StrCat(
        "expected a letter a to z, '=' and an absolute path, such as c=/srv/c; got '", text, "'"));
  }
  return Drive{.letter = std::string(text.substr(0, 1)), .directory = std::string(text.substr(2))};
}

}  // namespace waybill::despooler
