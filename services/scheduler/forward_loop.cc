#include "services/scheduler/forward_loop.h"

#include <functional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/logging/log.h"
#include "common/model/channels.h"
#include "common/model/reasons.h"
#include "common/status/status_macros.h"
#include "services/scheduler/job_progress_store.h"

namespace waybill::scheduler {
namespace {

constexpr int kBatchMax = 100;

}  // namespace

ForwardLoop::ForwardLoop(JobProgressStore& store, std::function<void(absl::string_view)> notify,
                         absl::Duration poll_interval)
    : store_(store),
      notify_(std::move(notify)),
      loop_("forward", poll_interval, [this] { return RunOnce(); }) {}

absl::StatusOr<absl::Duration> ForwardLoop::RunOnce() {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<InstructionKey> keys,
                           store_.ListUnforwarded(kBatchMax));
  for (const InstructionKey& key : keys) {
    WAYBILL_RETURN_IF_ERROR(store_.Forward(
        key, model::Reason(model::kCancelled, "by the site where the job was submitted")));
    log::Info("instruction passed on", {{"job_id", key.job_id}, {"revision", key.revision}});
    if (loop_.IsStopping()) {
      break;
    }
  }
  if (!keys.empty()) {
    notify_(model::kSendChannel);
    notify_(model::kOutboxChannel);
  }
  return keys.size() == kBatchMax ? absl::ZeroDuration() : absl::InfiniteDuration();
}

}  // namespace waybill::scheduler
