#ifndef WAYBILL_COMMON_CONTENT_MANIFEST_RECORDS_H_
#define WAYBILL_COMMON_CONTENT_MANIFEST_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/chunk_list.h"
#include "common/content/manifest.h"

/// Bodies of a manifest's records to bytes and back; the format is described in manifest.h. For
/// ManifestReader and ManifestWriter. Decoders check the shape of one record only.
namespace waybill::content {

inline constexpr absl::string_view kManifestMagic = "WBMANIF\n";
inline constexpr size_t kRecordFrameBytes = 5;
inline constexpr size_t kChunkRecordBytes = Digest::kBytes + sizeof(uint32_t);
inline constexpr size_t kEscapedPathBytesMax = 4 * 4096 + 2;

// Types of records that are no entries; entries have the number of their EntryType.
inline constexpr uint8_t kHeaderRecord = 1;
inline constexpr uint8_t kChunksRecord = 5;
inline constexpr uint8_t kSkippedRecord = 6;
inline constexpr uint8_t kTrailerRecord = 7;

std::string EncodeEntry(const Entry& entry);
absl::StatusOr<Entry> DecodeEntry(EntryType type, absl::string_view body);

void AppendChunk(std::string& body, const Chunk& chunk);
/// `bytes` are kChunkRecordBytes.
Chunk DecodeChunk(absl::string_view bytes);

std::string EncodeSkipped(const SkippedEntry& skipped);
absl::StatusOr<SkippedEntry> DecodeSkipped(absl::string_view body);

std::string EncodeTotals(const ManifestTotals& totals);
absl::StatusOr<ManifestTotals> DecodeTotals(absl::string_view body);

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_MANIFEST_RECORDS_H_
