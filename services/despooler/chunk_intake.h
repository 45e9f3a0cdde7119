#ifndef WAYBILL_SERVICES_DESPOOLER_CHUNK_INTAKE_H_
#define WAYBILL_SERVICES_DESPOOLER_CHUNK_INTAKE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/content/chunk_list.h"
#include "common/content/chunk_store.h"
#include "common/content/codec.h"
#include "common/content/pack_writer.h"

namespace waybill::despooler {

/// Takes the chunks of one transfer: only those that were asked for, each once, in order, and only
/// after their bytes were checked against their digest. Used by one thread.
class ChunkIntake {
 public:
  /// Which chunks were asked for, and which of those because their records here are broken: those
  /// are repaired in their place, so that the bad ones are not read again.
  struct Wanted {
    std::vector<bool> missing;
    std::vector<bool> broken = {};  ///< Empty: none.
  };

  /// `chunks`, `store` and its `writer` are borrowed.
  ChunkIntake(const content::ChunkList& chunks, Wanted wanted, content::ChunkStore& store,
              content::PackWriter& writer);

  /// Stores chunk `index`. INVALID_ARGUMENT for an index that the manifest does not
  /// have, that was not asked for, came already, or comes behind a higher one, and for bad lengths;
  /// UNIMPLEMENTED for an unknown representation; DATA_LOSS for bytes that are not the chunk. After
  /// any of these nothing was stored. Else as PackWriter::Put and ChunkStore::Repair.
  absl::Status Add(std::int64_t index, std::int32_t representation, absl::string_view stored);

  std::int64_t missing_count() const { return missing_count_; }
  std::int64_t received_count() const { return received_count_; }
  std::int64_t received_bytes() const { return received_bytes_; }  ///< As stored.

 private:
  absl::Status CheckWanted(std::int64_t index) const;
  absl::Status Store(std::size_t index, const content::ChunkFacts& facts, absl::string_view stored);

  const content::ChunkList& chunks_;
  const Wanted wanted_;
  content::ChunkStore& store_;
  content::PackWriter& writer_;
  std::int64_t next_index_ = 0;  // The lowest that may come.
  std::int64_t missing_count_ = 0;
  std::int64_t received_count_ = 0;
  std::int64_t received_bytes_ = 0;
  std::string plain_;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_CHUNK_INTAKE_H_
