#include "services/pcm/workstation_loop.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"
#include "common/logging/log.h"
#include "services/pcm/agent.h"
#include "services/pcm/history.h"

namespace waybill::pcm {
namespace {

constexpr absl::Duration kLongestWait = absl::Hours(24);

}  // namespace

clock::BackoffLimits SiteRetry(absl::Duration poll_interval) {
  return {.base = std::min(absl::Seconds(1), poll_interval), .max = poll_interval};
}

WorkstationLoop::WorkstationLoop(Agent& agent, const clock::BackoffLimits& site_retry,
                                 std::function<double()> random)
    : agent_(agent),
      site_retry_(site_retry),
      random_(std::move(random)),
      run_loop_("run", kLongestWait, [this] { return RunDue(); }),
      poll_loop_("poll", kLongestWait, [this] { return Poll(); }) {}

void WorkstationLoop::Start() {
  run_loop_.Start();
  poll_loop_.Start();
}

void WorkstationLoop::Stop() {
  agent_.Stop();
  poll_loop_.Stop();
  run_loop_.Stop();
}

absl::Duration WorkstationLoop::Poll() {
  const absl::StatusOr<absl::Duration> next = agent_.Poll();
  if (next.status().code() != site_status_.code()) {  // A site that is away fills no log.
    log::Info("site", {{"sms_id", agent_.sms_id()}, {"status", next.status()}});
  }
  site_status_ = next.status();
  if (!next.ok()) {
    return clock::BackoffDelay(site_retry_, ++poll_failures_, random_());
  }
  poll_failures_ = 0;
  run_loop_.Wake();
  return std::max(*next, absl::Milliseconds(1));
}

absl::Duration WorkstationLoop::RunDue() {
  const absl::Status status = agent_.RunDue([this](const Agent::Ended& ended) {
    log::Info("ended", {{"sms_id", agent_.sms_id()},
                        {"job_id", ended.offer.job_id},
                        {"is_dropped", ended.record.step == RunStep::kDropped},
                        {"exit_code", ended.record.exit_code},
                        {"detail", ended.record.detail},
                        {"run_duration", ended.record.run_duration}});
  });
  if (!status.ok()) {
    return std::min(clock::BackoffDelay(site_retry_, ++run_failures_, random_()),
                    agent_.UntilChange());
  }
  run_failures_ = 0;
  return agent_.UntilChange();
}

}  // namespace waybill::pcm
