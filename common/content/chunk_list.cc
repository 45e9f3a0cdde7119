#include "common/content/chunk_list.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/content/limits.h"

namespace waybill::content {
namespace {

constexpr size_t kTableSizeMin = 64;  // A power of two, as all sizes of the table.

}  // namespace

size_t ChunkList::Probe(const Digest& digest) const {
  // Hashed with a seed of this process: digests are chosen by others, who could make them collide.
  const size_t mask = table_.size() - 1;
  size_t place = absl::Hash<Digest>()(digest) & mask;
  while (table_[place] != 0 && chunks_[table_[place] - 1].digest != digest) {
    place = (place + 1) & mask;
  }
  return place;
}

void ChunkList::Grow() {
  const size_t size = table_.empty() ? kTableSizeMin : 2 * table_.size();
  table_.clear();
  table_.shrink_to_fit();
  table_.resize(size, 0);
  for (uint32_t i = 0; i < chunks_.size(); ++i) {
    table_[Probe(chunks_[i].digest)] = i + 1;
  }
}

absl::StatusOr<ChunkList::Added> ChunkList::Add(const Chunk& chunk) {
  if (2 * (chunks_.size() + 1) > table_.size()) {
    Grow();
  }
  const size_t place = Probe(chunk.digest);
  if (table_[place] != 0) {
    const uint32_t index = table_[place] - 1;
    if (chunks_[index].plain_bytes != chunk.plain_bytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("chunk ", chunk.digest.ToHex(), " is declared with two lengths"));
    }
    return Added{index, false};
  }
  if (chunks_.size() >= kUniqueChunksMax) {
    return absl::InvalidArgumentError("more unique chunks than the limit");
  }
  chunks_.push_back(chunk);
  table_[place] = static_cast<uint32_t>(chunks_.size());
  return Added{static_cast<uint32_t>(chunks_.size() - 1), true};
}

std::optional<uint32_t> ChunkList::Find(const Digest& digest) const {
  if (table_.empty()) {
    return std::nullopt;
  }
  const uint32_t entry = table_[Probe(digest)];
  return entry == 0 ? std::nullopt : std::optional<uint32_t>(entry - 1);
}

}  // namespace waybill::content
