#ifndef WAYBILL_COMMON_CONTENT_CHUNK_LIST_H_
#define WAYBILL_COMMON_CONTENT_CHUNK_LIST_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"

#include "common/content/digest.h"

namespace waybill::content {

/// One chunk as a manifest names it.
struct Chunk {
  Digest digest;
  uint32_t plain_bytes = 0;

  friend bool operator==(const Chunk&, const Chunk&) = default;
};

/// The unique chunks of a manifest in the order of their first appearance. Their index in this
/// list is their name in a transfer: both sides derive the list from the same manifest.
///
/// About 45 bytes a chunk, so 1,000,000 chunks (some 150 GB of files) take 45 MB. At most
/// kUniqueChunksMax. Not changed by several threads at once; reading is thread-safe.
class ChunkList {
 public:
  struct Added {
    uint32_t index;
    bool is_new;
  };

  /// Adds `chunk` unless its digest is there. INVALID_ARGUMENT if it is there with another length
  /// or the list is full.
  absl::StatusOr<Added> Add(const Chunk& chunk);

  std::optional<uint32_t> Find(const Digest& digest) const;

  size_t size() const { return chunks_.size(); }
  bool empty() const { return chunks_.empty(); }
  const Chunk& operator[](size_t index) const { return chunks_[index]; }
  auto begin() const { return chunks_.begin(); }
  auto end() const { return chunks_.end(); }

 private:
  // The place of `digest` in table_, or the free one where it belongs.
  size_t Probe(const Digest& digest) const;
  void Grow();

  std::deque<Chunk> chunks_;  // Not a vector: growing one would need twice the memory for a while.
  std::vector<uint32_t> table_;  // Open addressing, at most half full: index + 1, or 0.
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_CHUNK_LIST_H_
