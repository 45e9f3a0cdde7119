#include "services/scheduler/config.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/shared_options.h"
#include "common/model/ids.h"
#include "common/status/status_macros.h"
#include "services/scheduler/registration_rules.h"

namespace waybill::scheduler {
namespace {

constexpr char kMigrate[] = "migrate";
constexpr char kMigrateHelp[] = "brings the job database to this program's schema, and ends";

absl::Status SetSiteCode(std::string& target, const std::string& value) {
  WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("parent-site", value));
  target = value;
  return absl::OkStatus();
}

absl::Status CheckParent(const Config& config) {
  if (config.parent_site_code.empty() != config.parent_endpoint.empty()) {
    return absl::InvalidArgumentError(
        "parent-site: give it together with parent-endpoint, or neither at the central site");
  }
  if (config.parent_site_code == config.service.site_code) {
    return absl::InvalidArgumentError(
        absl::StrCat("parent-site: ", config.parent_site_code, " is the site itself (site-code)"));
  }
  return absl::OkStatus();
}

absl::Status CheckDirectories(const Config& config) {
  WAYBILL_RETURN_IF_ERROR(CheckAbsolutePath("store-directory", config.store_directory));
  for (const std::string& directory : config.source_directories) {
    WAYBILL_RETURN_IF_ERROR(CheckAbsolutePath("source-directory", directory));
  }
  return absl::OkStatus();
}

void AddListeners(config::Parser& parser, Config& config) {
  parser.Address("admin-address", config.admin_address,
                 "where administrators are served; port 0 picks a free one");
  parser.Address("sites-address", config.sites_address,
                 "where child sites report; port 0 picks a free one");
  parser.Path("ports-file", config.ports_file,
              "file that gets the chosen ports as JSON once all listeners serve");
  parser.Integer("call-threads", config.call_threads, config::Range<int>{1, 256},
                 "calls that run at once; ten times as many may wait");
  parser.Integer("streams-max", config.streams_max, config::Range<int>{2, 1024},
                 "watches, imports and status streams that may be open at once");
}

}  // namespace

void DeclareConfig(config::Parser& parser, Config& config) {
  config::AddServiceOptions(parser, config.service);
  config::AddJobDatabaseOptions(parser, config.job_database);
  parser.Custom(
      "parent-site", "CODE", "",
      [&config](const std::string& value) { return SetSiteCode(config.parent_site_code, value); },
      "the site above; not given: this is the central site");
  parser.Address("parent-endpoint", config.parent_endpoint,
                 "host:port where the parent's Scheduler serves sites");
  AddListeners(parser, config);
  parser.Path("store-directory", config.store_directory, "where compressed packages are kept");
  parser.Require("store-directory");
  parser.TextList("source-directory", config.source_directories,
                  "imports read only beneath it; may be repeated");
  parser.Duration("poll-interval", config.poll_interval,
                  config::Range<absl::Duration>{absl::Milliseconds(50), absl::Hours(1)},
                  "how often the job database is looked at when nothing wakes us");
  parser.Duration("lease", config.lease_duration,
                  config::Range<absl::Duration>{absl::Seconds(1), absl::Minutes(10)},
                  "after how long the work of a process that died is taken over");
  parser.Check([&config] { return CheckParent(config); });
  parser.Check([&config] { return CheckDirectories(config); });
  parser.Subcommand(kMigrate, kMigrateHelp);
}

void AddMigrateOptions(config::Parser& parser, Config& config) {
  config::AddJobDatabaseUri(parser, config.job_database.uri);
  config::AddLogOption(parser, config.service.log_level);
  parser.Subcommand(kMigrate, kMigrateHelp);
}

}  // namespace waybill::scheduler
