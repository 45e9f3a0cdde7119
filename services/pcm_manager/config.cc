#include "services/pcm_manager/config.h"

#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/shared_options.h"

namespace waybill::pcm_manager {

void DeclareConfig(config::Parser& parser, Config& config) {
  config::AddServiceOptions(parser, config.service);
  config::AddJobDatabaseOptions(parser, config.job_database);
  parser.Path("ports-file", config.ports_file, "where the chosen ports are written, if anywhere");
  parser.Address("workstations-address", config.workstations_address,
                 "where workstations reach this site");
  parser.Path("site-directory", config.site_directory, "holds site.srv");
  parser.Require("site-directory");
  parser.Duration("poll-interval", config.poll_interval, {absl::Milliseconds(10), absl::Hours(1)},
                  "how often changed definition files are looked for when nobody says that there "
                  "are some");
  parser.Duration("pcm-poll-interval", config.pcm_poll_interval,
                  {absl::Milliseconds(200), absl::Hours(24)},
                  "how often workstations are to ask for offers; a minute or more but for tests");
}

}  // namespace waybill::pcm_manager
