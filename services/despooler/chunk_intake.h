#ifndef WAYBILL_SERVICES_DESPOOLER_CHUNK_INTAKE_H_
#define WAYBILL_SERVICES_DESPOOLER_CHUNK_INTAKE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/content/chunk_list.h"
#include "common/content/pack_writer.h"

namespace waybill::despooler {

/// Takes the chunks of one transfer: only those that were asked for, each once, in order, and only
/// after their bytes were checked against their digest. Used by one thread.
class ChunkIntake {
 public:
  /// `missing`: which of `chunks` were asked for. `chunks` and `writer` are borrowed.
  ChunkIntake(const content::ChunkList& chunks, std::vector<bool> missing,
              content::PackWriter& writer);

  /// Appends chunk `index` to the pack. INVALID_ARGUMENT for an index that the manifest does not
  /// have, that was not asked for, came already, or comes behind a higher one, and for bad lengths;
  /// UNIMPLEMENTED for an unknown representation; DATA_LOSS for bytes that are not the chunk. After
  /// any of these nothing was appended. Else as PackWriter::Put.
  absl::Status Add(std::int64_t index, std::int32_t representation, absl::string_view stored);

  std::int64_t missing_count() const { return missing_count_; }
  std::int64_t received_count() const { return received_count_; }
  std::int64_t received_bytes() const { return received_bytes_; }  ///< As stored.

 private:
  absl::Status CheckWanted(std::int64_t index) const;

  const content::ChunkList& chunks_;
  const std::vector<bool> missing_;
  content::PackWriter& writer_;
  std::int64_t next_index_ = 0;  // The lowest that may come.
  std::int64_t missing_count_ = 0;
  std::int64_t received_count_ = 0;
  std::int64_t received_bytes_ = 0;
  std::string plain_;
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_CHUNK_INTAKE_H_
