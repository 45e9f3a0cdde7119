#include "common/content/pack.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/content/limits.h"
#include "common/content/little_endian.h"
#include "common/status/status_macros.h"

namespace waybill::content {
namespace {

constexpr absl::string_view kMagic = "WPK1";
constexpr size_t kCheckBytes = 8;
constexpr size_t kCheckedBytes = kPackRecordHeaderBytes - kCheckBytes;

absl::string_view ToView(const Digest& digest) {
  return digest.bytes();
}

std::string CheckOf(absl::string_view checked) {
  const Digest digest = Sha256::Of(checked);
  return std::string(ToView(digest).substr(0, kCheckBytes));
}

absl::Status BadHeader(uint64_t offset, absl::string_view reason) {
  return absl::DataLossError(absl::StrCat("no record at byte ", offset, " of a pack: ", reason));
}

// Whether the record holds what its header claims.
absl::StatusOr<bool> IsWhole(const tree::File& pack, const PackEntry& entry) {
  std::string buffer;
  std::string plain;
  absl::StatusOr<absl::string_view> stored = ReadPackRecord(pack, entry, buffer);
  if (absl::IsDataLoss(stored.status())) return false;
  WAYBILL_RETURN_IF_ERROR(stored.status());
  plain.resize(entry.facts.plain_bytes);
  return DecompressAndVerify(entry.facts, *stored, absl::MakeSpan(plain)).ok();
}

}  // namespace

std::string EncodePackRecordHeader(const ChunkFacts& facts, uint32_t stored_bytes) {
  std::string header(kMagic);
  AppendInteger(header, static_cast<uint32_t>(facts.representation));
  AppendInteger(header, facts.plain_bytes);
  AppendInteger(header, stored_bytes);
  header.append(ToView(facts.digest).data(), Digest::kBytes);
  return header + CheckOf(header);
}

absl::StatusOr<PackEntry> DecodePackRecordHeader(absl::string_view bytes, uint64_t offset) {
  if (bytes.size() < kPackRecordHeaderBytes) return BadHeader(offset, "cut off");
  FieldReader fields(bytes.substr(0, kPackRecordHeaderBytes));
  if (fields.Take(kMagic.size()) != kMagic) return BadHeader(offset, "no magic");
  PackEntry entry;
  entry.offset = offset;
  const auto number = fields.TakeInteger<uint32_t>();
  entry.facts.plain_bytes = fields.TakeInteger<uint32_t>();
  entry.stored_bytes = fields.TakeInteger<uint32_t>();
  WAYBILL_ASSIGN_OR_RETURN(entry.facts.digest, Digest::FromBytes(fields.Take(Digest::kBytes)));
  if (fields.TakeRest() != CheckOf(bytes.substr(0, kCheckedBytes))) {
    return BadHeader(offset, "a wrong check");
  }
  const absl::StatusOr<Representation> representation = RepresentationFromNumber(number);
  if (!representation.ok()) return BadHeader(offset, representation.status().message());
  entry.facts.representation = *representation;
  const absl::Status lengths =
      CheckChunkLengths(*representation, entry.facts.plain_bytes, entry.stored_bytes);
  if (!lengths.ok()) return BadHeader(offset, lengths.message());
  return entry;
}

absl::StatusOr<absl::string_view> ReadPackRecord(const tree::File& pack, const PackEntry& entry,
                                                 std::string& buffer) {
  buffer.resize(entry.record_bytes());
  WAYBILL_RETURN_IF_ERROR(pack.ReadFull(static_cast<int64_t>(entry.offset),
                                        absl::MakeSpan(buffer.data(), buffer.size())));
  // The whole header follows from the entry, so comparing it checks every field.
  const std::string expected = EncodePackRecordHeader(entry.facts, entry.stored_bytes);
  if (buffer.compare(0, kPackRecordHeaderBytes, expected) != 0) {
    return BadHeader(entry.offset, "another record than the index says");
  }
  return absl::string_view(buffer).substr(kPackRecordHeaderBytes);
}

absl::StatusOr<PackScan> ScanPack(const tree::File& pack) {
  WAYBILL_ASSIGN_OR_RETURN(const int64_t size, pack.Size());
  PackScan scan;
  absl::flat_hash_set<Digest> seen;
  std::array<char, kPackRecordHeaderBytes> header;
  uint64_t offset = 0;
  while (offset + kPackRecordHeaderBytes <= static_cast<uint64_t>(size)) {
    WAYBILL_RETURN_IF_ERROR(pack.ReadFull(static_cast<int64_t>(offset), absl::MakeSpan(header)));
    const absl::StatusOr<PackEntry> entry =
        DecodePackRecordHeader({header.data(), header.size()}, offset);
    if (!entry.ok()) break;
    offset += entry->record_bytes();
    WAYBILL_ASSIGN_OR_RETURN(const bool whole, IsWhole(pack, *entry));
    if (!whole) continue;
    scan.end = offset;
    if (seen.insert(entry->facts.digest).second) {
      scan.entries.push_back(*entry);
    }
  }
  return scan;
}

}  // namespace waybill::content
