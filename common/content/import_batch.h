#ifndef WAYBILL_COMMON_CONTENT_IMPORT_BATCH_H_
#define WAYBILL_COMMON_CONTENT_IMPORT_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/content/codec.h"
#include "common/content/manifest.h"
#include "common/thread/mutex.h"

/// The belt of an import. Batches are filled by one reader in the order of the tree, worked on by
/// several workers in any order, and written by one writer in the order of the tree again.
namespace waybill::content {

inline constexpr size_t kBatchBytes = 2 << 20;
inline constexpr size_t kBatchPiecesMax = 1024;
inline constexpr size_t kBatchStepsMax = 1024;

/// One chunk of a batch.
struct Piece {
  absl::string_view plain;  ///< In Batch::plain.
  ChunkFacts facts;         ///< By the worker.
  uint32_t stored_bytes = 0;
  bool is_stored = false;    ///< The store holds it; else `stored` is to be written.
  absl::string_view stored;  ///< In Batch::packed, or `plain`.
};

/// One entry of the tree, or the next part of a file that began in an earlier batch, with those of
/// its chunks that stand in the batch.
struct Step {
  bool is_continued = false;
  Entry entry;
  size_t pieces_end = 0;  ///< Its pieces begin where those of the step before end.
};

struct Batch {
  Batch();
  void Clear();
  size_t room() const { return plain.size() - plain_bytes; }
  bool is_full() const {
    return pieces.size() >= kBatchPiecesMax || steps.size() >= kBatchStepsMax;
  }

  std::vector<char> plain;  // Fixed size: memory that was touched once is fast.
  std::vector<char> packed;
  size_t plain_bytes = 0;
  std::vector<Piece> pieces;
  std::vector<Step> steps;
};

///     reader:  TakeFree -> Submit      ... CloseInput
///     worker:  TakeFilled -> Done      ... null: all is worked on
///     writer:  TakeDone -> Free        ... null: all is written
///
/// After Fail all Takes return null at once. Thread-safe.
class BatchBelt {
 public:
  explicit BatchBelt(size_t batches) : slots_(batches) {}

  Batch* TakeFree();
  void Submit();
  void CloseInput();

  struct Work {
    Batch* batch = nullptr;
    uint64_t number = 0;
  };
  Work TakeFilled();
  void Done(uint64_t number);

  /// Waits at most a tenth of a second: `idle` tells that there is nothing yet.
  Batch* TakeDone(bool& idle);
  void Free();

  /// The first error is kept.
  void Fail(const absl::Status& status);
  absl::Status status() const;

 private:
  struct Slot {
    Batch batch;
    bool is_done = false;
  };
  Slot& SlotOf(uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return slots_[number % slots_.size()];
  }

  mutable Mutex mutex_;
  CondVar changed_;
  // A batch belongs to whoever took it, without the lock; the rest is guarded.
  std::vector<Slot> slots_;
  uint64_t filled_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t written_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_IMPORT_BATCH_H_
