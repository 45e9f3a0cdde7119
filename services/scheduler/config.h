#ifndef WAYBILL_SERVICES_SCHEDULER_CONFIG_H_
#define WAYBILL_SERVICES_SCHEDULER_CONFIG_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/shared_options.h"

namespace waybill::scheduler {

/// Everything the Scheduler is told at start.
struct Config {
  config::ServiceOptions service;
  config::JobDatabaseOptions job_database;
  std::string parent_site_code;                 ///< Empty: this is the central site.
  std::string parent_endpoint;                  ///< The parent Scheduler's listener for sites.
  std::string admin_address = "127.0.0.1:0";    ///< JobService, PackageService, SiteService.
  std::string sites_address = "127.0.0.1:0";    ///< StatusService.
  std::string store_directory;                  ///< Holds packs/ and manifests/.
  std::vector<std::string> source_directories;  ///< Imports read only beneath these.
  absl::Duration poll_interval = absl::Seconds(60);
  absl::Duration lease_duration = absl::Seconds(15);
  int call_threads = 8;    ///< Unary calls at once; ten times as many wait.
  int streams_max = 32;    ///< Watches, imports and status streams at once.
  std::string ports_file;  ///< Empty: none is written.
};

/// Declares every setting of the Scheduler on `parser`, which fills `config`. Borrows both.
void DeclareConfig(config::Parser& parser, Config& config);

/// The same for `waybill-scheduler migrate`, which needs the job database only.
void AddMigrateOptions(config::Parser& parser, Config& config);

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_CONFIG_H_
