#include "common/content/import_batch.h"

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace waybill::content {

Batch::Batch()
    : plain(kBatchBytes),
      // What LZ4 may need for all pieces; the constant part of each is below 32 bytes.
      packed(CompressedBytesMax(kBatchBytes) + 32 * kBatchPiecesMax) {
  pieces.reserve(kBatchPiecesMax);
  steps.reserve(kBatchStepsMax);
}

void Batch::Clear() {
  plain_bytes = 0;
  pieces.clear();
  steps.clear();
}

Batch* BatchBelt::TakeFree() {
  const MutexLock lock(mutex_);
  while (filled_ - written_ >= slots_.size() && failed_.ok()) {
    changed_.Wait(mutex_);
  }
  if (!failed_.ok()) return nullptr;
  Slot& slot = SlotOf(filled_);
  slot.is_done = false;
  slot.batch.Clear();
  return &slot.batch;
}

void BatchBelt::Submit() {
  const MutexLock lock(mutex_);
  ++filled_;
  changed_.NotifyAll();
}

void BatchBelt::CloseInput() {
  const MutexLock lock(mutex_);
  closed_ = true;
  changed_.NotifyAll();
}

BatchBelt::Work BatchBelt::TakeFilled() {
  const MutexLock lock(mutex_);
  while (taken_ == filled_ && !closed_ && failed_.ok()) {
    changed_.Wait(mutex_);
  }
  if (taken_ == filled_ || !failed_.ok()) return {};
  const uint64_t number = taken_++;
  return {&SlotOf(number).batch, number};
}

void BatchBelt::Done(uint64_t number) {
  const MutexLock lock(mutex_);
  SlotOf(number).is_done = true;
  changed_.NotifyAll();
}

Batch* BatchBelt::TakeDone(bool& idle) {
  const MutexLock lock(mutex_);
  const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return written_ < filled_ && SlotOf(written_).is_done;
  };
  const auto ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !failed_.ok() || (closed_ && written_ == filled_);
  };
  if (!ready() && !ended()) {
    changed_.WaitFor(mutex_, absl::Milliseconds(100));
  }
  idle = !ready() && !ended();
  return ready() && failed_.ok() ? &SlotOf(written_).batch : nullptr;
}

void BatchBelt::Free() {
  const MutexLock lock(mutex_);
  ++written_;
  changed_.NotifyAll();
}

void BatchBelt::Fail(const absl::Status& status) {
  const MutexLock lock(mutex_);
  if (failed_.ok()) failed_ = status;
  changed_.NotifyAll();
}

absl::Status BatchBelt::status() const {
  const MutexLock lock(mutex_);
  return failed_;
}

}  // namespace waybill::content
