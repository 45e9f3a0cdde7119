#include "services/scheduler/rollup_loop.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/logging/log.h"
#include "common/model/channels.h"
#include "common/model/reasons.h"
#include "common/model/states.h"
#include "common/status/status_macros.h"
#include "services/scheduler/job_progress_store.h"
#include "services/scheduler/job_rules.h"

namespace waybill::scheduler {
namespace {

constexpr int kRestPerWork = 4;

}  // namespace

RollupLoop::RollupLoop(JobProgressStore& store, const clock::Clock& clock,
                       std::function<void(absl::string_view)> notify, Options options)
    : store_(store),
      clock_(clock),
      notify_(std::move(notify)),
      options_(options),
      next_pass_(clock.Monotonic()),
      loop_("rollup", options.poll_interval, [this] { return RunIfDue(); }) {}

absl::StatusOr<absl::Duration> RollupLoop::RunIfDue() {
  const absl::Duration begin = clock_.Monotonic();
  if (begin < next_pass_) {
    return next_pass_ - begin;
  }
  const absl::Status status = RunOnce();
  const absl::Duration end = clock_.Monotonic();
  next_pass_ = end + std::max(options_.pass_interval, kRestPerWork * (end - begin));
  WAYBILL_RETURN_IF_ERROR(status);
  return absl::InfiniteDuration();
}

absl::Status RollupLoop::RunOnce() {
  WAYBILL_RETURN_IF_ERROR(store_.CloseUnreached(
      model::Reason(model::kCancelled, "the job was cancelled before it reached the site")));
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<CountedJob> jobs, store_.CountEdges());
  std::vector<StateChange> changes;
  for (const CountedJob& job : jobs) {
    JobSummary summary = Summarize(job.edges);
    if (summary == JobSummary{job.edges.state, job.edges.reason}) {
      continue;
    }
    log::Info("job changed", {{"job_id", job.job_id},
                              {"state", model::ToString(summary.state)},
                              {"reason", summary.reason}});
    changes.push_back({job.job_id, job.edges.state, std::move(summary)});
  }
  if (changes.empty()) {
    return absl::OkStatus();
  }
  WAYBILL_RETURN_IF_ERROR(store_.PutStates(changes));
  notify_(model::kOutboxChannel);
  return absl::OkStatus();
}

}  // namespace waybill::scheduler
