#ifndef WAYBILL_SERVICES_PCM_WORKSTATION_LOOP_H_
#define WAYBILL_SERVICES_PCM_WORKSTATION_LOOP_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/thread/loop.h"
#include "services/pcm/agent.h"

namespace waybill::pcm {

/// How often a site that cannot be reached is asked: after 1 s first, then ever more seldom, up to
/// `poll_interval`. The lower half of each wait is free and the upper is spread, so that a site's
/// workstations do not come back together.
clock::BackoffLimits SiteRetry(absl::Duration poll_interval);

/// A real workstation for --service: one thread that polls and one that runs, so that a command
/// that hangs does not stop the polls.
class WorkstationLoop {
 public:
  /// Borrows `agent`. `random` is in [0, 1).
  WorkstationLoop(Agent& agent, const clock::BackoffLimits& site_retry,
                  std::function<double()> random);

  void Start();

  /// Stops polling, gives the running command the agent's drain_max, and returns when its result is
  /// recorded.
  void Stop();

 private:
  absl::Duration Poll();
  absl::Duration RunDue();

  Agent& agent_;
  const clock::BackoffLimits site_retry_;
  const std::function<double()> random_;
  int poll_failures_ = 0;
  absl::Status site_status_;
  int run_failures_ = 0;
  Loop run_loop_;
  Loop poll_loop_;
};

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_WORKSTATION_LOOP_H_
