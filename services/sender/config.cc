#include "services/sender/config.h"

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/shared_options.h"

namespace waybill::sender {

void DeclareConfig(config::Parser& parser, Config& config) {
  config::AddServiceOptions(parser, config.service);
  config::AddJobDatabaseOptions(parser, config.job_database);
  parser.Path("ports-file", config.ports_file, "where the chosen ports are written, if anywhere");
  parser.Address("admin-address", config.admin_address, "where administrators reach the sender");
  parser.Path("store-directory", config.store_directory, "compressed packages of the site");
  parser.Require("store-directory");
  parser.Integer("concurrent-sends", config.concurrent_sends, {1, 64},
                 "sends at once, over all addresses");
  parser.Duration("poll-interval", config.poll_interval, {absl::Milliseconds(10), absl::Hours(1)},
                  "how often the queue is looked at when nobody says that it changed");
  parser.Duration("lease", config.lease, {absl::Seconds(3), absl::Minutes(10)},
                  "for how long a request is taken before it must be renewed");
  parser.Duration("progress-max", config.progress_max, {absl::Seconds(1), absl::Hours(1)},
                  "a send of which nothing moves for so long is broken off and tried again");
  parser.Duration("retry-base", config.retry_base, {absl::Milliseconds(10), absl::Hours(1)},
                  "the longest wait after the first failure; doubles with each");
  parser.Duration("retry-max", config.retry_max, {absl::Milliseconds(10), absl::Hours(24)},
                  "the longest wait after any failure");
  parser.Duration("space-retry", config.space_retry, {absl::Milliseconds(10), absl::Hours(1)},
                  "how often a neighbour without room is asked again");
  parser.Check([&config] {
    return config.retry_base <= config.retry_max
               ? absl::OkStatus()
               : absl::InvalidArgumentError("--retry-base must not be above --retry-max");
  });
}

}  // namespace waybill::sender
