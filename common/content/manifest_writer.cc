#include "common/content/manifest_writer.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/content/limits.h"
#include "common/content/little_endian.h"
#include "common/content/manifest_records.h"
#include "common/status/status_macros.h"

namespace waybill::content {

ManifestWriter::ManifestWriter(ByteSink& sink, absl::string_view package_id)
    : sink_(sink), package_id_(package_id) {}

absl::Status ManifestWriter::AddEntry(const Entry& entry) {
  WAYBILL_RETURN_IF_ERROR(WriteStart());
  if (skipped_count_ != 0) return absl::InvalidArgumentError("an entry behind left out ones");
  WAYBILL_RETURN_IF_ERROR(rules_.AddEntry(entry));
  return WriteRecord(static_cast<uint8_t>(entry.type), EncodeEntry(entry));
}

absl::StatusOr<ChunkList::Added> ManifestWriter::AddChunk(const Chunk& chunk) {
  WAYBILL_RETURN_IF_ERROR(rules_.AddChunk(chunk));
  WAYBILL_ASSIGN_OR_RETURN(const ChunkList::Added added, chunks_.Add(chunk));
  AppendChunk(pending_chunks_, chunk);
  if (rules_.missing_bytes() == 0 ||
      pending_chunks_.size() == kChunksPerRecord * kChunkRecordBytes) {
    WAYBILL_RETURN_IF_ERROR(FlushChunks());
  }
  return added;
}

absl::Status ManifestWriter::AddSkipped(const SkippedEntry& skipped) {
  WAYBILL_RETURN_IF_ERROR(WriteStart());
  if (rules_.missing_bytes() != 0) return absl::InvalidArgumentError("chunks are missing");
  if (++skipped_count_ > kSkippedMax) {
    return absl::InvalidArgumentError("more left out entries than the limit");
  }
  const std::string body = EncodeSkipped(skipped);
  WAYBILL_RETURN_IF_ERROR(DecodeSkipped(body).status());
  return WriteRecord(kSkippedRecord, body);
}

absl::StatusOr<ManifestWriter::Result> ManifestWriter::Finish() {
  WAYBILL_RETURN_IF_ERROR(WriteStart());
  Result result;
  WAYBILL_ASSIGN_OR_RETURN(result.totals, rules_.Finish());
  result.totals.unique_chunk_count = chunks_.size();
  result.totals.skipped_count = skipped_count_;
  WAYBILL_RETURN_IF_ERROR(WriteRecord(kTrailerRecord, EncodeTotals(result.totals)));
  WAYBILL_RETURN_IF_ERROR(sink_.Flush());
  result.version = hasher_.Finish();
  result.manifest_bytes = bytes_written_;
  return result;
}

absl::Status ManifestWriter::WriteStart() {
  if (std::exchange(started_, true)) return absl::OkStatus();
  WAYBILL_RETURN_IF_ERROR(CheckPackageId(package_id_));
  std::string preamble(kManifestMagic);
  AppendInteger(preamble, kManifestFormat);
  WAYBILL_RETURN_IF_ERROR(WriteBytes(preamble));
  return WriteRecord(kHeaderRecord, package_id_);
}

absl::Status ManifestWriter::WriteRecord(uint8_t type, absl::string_view body) {
  std::string frame;
  AppendInteger(frame, static_cast<uint32_t>(body.size()));
  AppendInteger(frame, type);
  WAYBILL_RETURN_IF_ERROR(WriteBytes(frame));
  return WriteBytes(body);
}

absl::Status ManifestWriter::WriteBytes(absl::string_view bytes) {
  bytes_written_ += bytes.size();
  if (bytes_written_ > kManifestBytesMax) {
    return absl::InvalidArgumentError("a manifest over the limit");
  }
  hasher_.Update(bytes);
  return sink_.Append(bytes);
}

absl::Status ManifestWriter::FlushChunks() {
  WAYBILL_RETURN_IF_ERROR(WriteRecord(kChunksRecord, pending_chunks_));
  pending_chunks_.clear();
  return absl::OkStatus();
}

}  // namespace waybill::content
