#include "services/despooler/chunk_intake.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/content/chunk_list.h"
#include "common/content/codec.h"
#include "common/content/limits.h"
#include "common/content/pack_writer.h"
#include "common/status/status_macros.h"

namespace waybill::despooler {

ChunkIntake::ChunkIntake(const content::ChunkList& chunks, Wanted wanted,
                         content::ChunkStore& store, content::PackWriter& writer)
    : chunks_(chunks),
      wanted_(std::move(wanted)),
      store_(store),
      writer_(writer),
      missing_count_(std::count(wanted_.missing.begin(), wanted_.missing.end(), true)) {
  plain_.resize(content::kChunkBytesMax);
}

absl::Status ChunkIntake::CheckWanted(std::int64_t index) const {
  if (index < 0 || static_cast<std::size_t>(index) >= wanted_.missing.size()) {
    return absl::InvalidArgumentError(absl::StrCat("chunks.index ", index, " is not one of the ",
                                                   wanted_.missing.size(),
                                                   " chunks of the manifest"));
  }
  if (!wanted_.missing[static_cast<std::size_t>(index)]) {
    return absl::InvalidArgumentError(absl::StrCat("chunks.index ", index, " is not missing here"));
  }
  if (index < next_index_) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunks.index ", index, " came already, or behind a higher one"));
  }
  return absl::OkStatus();
}

absl::Status ChunkIntake::Store(std::size_t index, const content::ChunkFacts& facts,
                                absl::string_view stored) {
  if (index < wanted_.broken.size() && wanted_.broken[index]) {
    const absl::Status repaired = store_.Repair(facts, stored);
    // In another form than it had here: it cannot take its old place.
    if (!absl::IsFailedPrecondition(repaired)) return repaired;
  }
  return writer_.Put(facts, stored);
}

absl::Status ChunkIntake::Add(std::int64_t index, std::int32_t representation,
                              absl::string_view stored) {
  WAYBILL_RETURN_IF_ERROR(CheckWanted(index));
  const content::Chunk& chunk = chunks_[static_cast<std::size_t>(index)];
  WAYBILL_ASSIGN_OR_RETURN(
      const content::Representation known,
      content::RepresentationFromNumber(static_cast<std::uint32_t>(representation)));
  const content::ChunkFacts facts = {
      .digest = chunk.digest, .representation = known, .plain_bytes = chunk.plain_bytes};
  WAYBILL_RETURN_IF_ERROR(content::CheckChunkLengths(known, chunk.plain_bytes, stored.size()));
  WAYBILL_RETURN_IF_ERROR(content::DecompressAndVerify(
      facts, stored, absl::MakeSpan(plain_).subspan(0, chunk.plain_bytes)));
  WAYBILL_RETURN_IF_ERROR(Store(static_cast<std::size_t>(index), facts, stored));
  next_index_ = index + 1;
  --missing_count_;
  ++received_count_;
  received_bytes_ += static_cast<std::int64_t>(stored.size());
  return absl::OkStatus();
}

}  // namespace waybill::despooler
