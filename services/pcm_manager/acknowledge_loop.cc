#include "services/pcm_manager/acknowledge_loop.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/model/channels.h"
#include "common/thread/mutex.h"
#include "services/pcm_manager/pcm_store.h"

namespace waybill::pcm_manager {

AcknowledgeLoop::AcknowledgeLoop(PcmStore& store,
                                 std::function<void(absl::string_view channel)> notify,
                                 absl::Duration interval, std::size_t pending_max)
    : store_(store),
      notify_(std::move(notify)),
      pending_max_(pending_max),
      loop_("acknowledge", interval, [this] { return RunOnce(); }) {}

// Does not wake the loop: the interval is what makes batches.
bool AcknowledgeLoop::Add(const std::string& sms_id, std::int64_t offer_version) {
  const MutexLock lock(mutex_);
  if (pending_.size() >= pending_max_ && !pending_.contains(sms_id)) return false;
  std::int64_t& known = pending_[sms_id];
  known = std::max(known, offer_version);
  return true;
}

absl::StatusOr<absl::Duration> AcknowledgeLoop::RunOnce() {
  std::vector<SeenVersion> batch;
  {
    const MutexLock lock(mutex_);
    for (const auto& [sms_id, offer_version] : pending_) {
      if (batch.size() == static_cast<std::size_t>(kBatchMax)) break;
      batch.push_back({.sms_id = sms_id, .offer_version = offer_version});
    }
    for (const SeenVersion& seen : batch) {
      pending_.erase(seen.sms_id);
    }
  }
  if (batch.empty()) {
    return absl::InfiniteDuration();
  }
  const absl::StatusOr<std::int64_t> acknowledged = store_.Acknowledge(batch);
  if (!acknowledged.ok()) {
    for (const SeenVersion& seen : batch) {
      Add(seen.sms_id, seen.offer_version);
    }
    return acknowledged.status();
  }
  if (*acknowledged > 0) {
    notify_(model::kOutboxChannel);
    notify_(model::kJobChannel);
  }
  return batch.size() == static_cast<std::size_t>(kBatchMax) ? absl::ZeroDuration()
                                                             : absl::InfiniteDuration();
}

}  // namespace waybill::pcm_manager
