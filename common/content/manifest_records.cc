#include "common/content/manifest_records.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/limits.h"
#include "common/content/little_endian.h"
#include "common/content/tree_rules.h"
#include "common/status/status_macros.h"

namespace waybill::content {
namespace {

void AppendTime(std::string& body, absl::Time time) {
  const timespec parts = absl::ToTimespec(time);
  AppendInteger(body, static_cast<uint64_t>(parts.tv_sec));
  AppendInteger(body, static_cast<uint32_t>(parts.tv_nsec));
}

absl::StatusOr<absl::Time> TakeTime(FieldReader& fields) {
  const auto seconds = fields.TakeInteger<uint64_t>();
  const auto nanoseconds = fields.TakeInteger<uint32_t>();
  if (seconds > kModifiedSecondsMax || nanoseconds >= 1'000'000'000) {
    return absl::InvalidArgumentError("a modification time out of range");
  }
  return absl::FromUnixSeconds(static_cast<int64_t>(seconds)) + absl::Nanoseconds(nanoseconds);
}

absl::StatusOr<bool> TakeBool(FieldReader& fields) {
  const auto value = fields.TakeInteger<uint8_t>();
  if (value > 1) {
    return absl::InvalidArgumentError("a mode bit that is neither 0 nor 1");
  }
  return value == 1;
}

Digest TakeDigest(FieldReader& fields) {
  // Too few bytes are the reader's failure, which DecodeTotals and the record's length report.
  return Digest::FromBytes(fields.Take(Digest::kBytes)).value_or(Digest());
}

bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

std::string EncodeEntry(const Entry& entry) {
  std::string body;
  AppendTime(body, entry.modified_time);
  if (entry.type == EntryType::kFile) {
    AppendInteger(body, static_cast<uint8_t>(entry.executable ? 1 : 0));
    AppendInteger(body, entry.plain_bytes);
  }
  if (entry.type == EntryType::kLink) {
    AppendInteger(body, static_cast<uint16_t>(entry.path.size()));
  }
  body += entry.path;
  body += entry.link_target;
  return body;
}

absl::StatusOr<Entry> DecodeEntry(EntryType type, absl::string_view body) {
  FieldReader fields(body);
  Entry entry;
  entry.type = type;
  WAYBILL_ASSIGN_OR_RETURN(entry.modified_time, TakeTime(fields));
  if (type == EntryType::kFile) {
    WAYBILL_ASSIGN_OR_RETURN(entry.executable, TakeBool(fields));
    entry.plain_bytes = fields.TakeInteger<uint64_t>();
  }
  if (type == EntryType::kLink) {
    const auto path_bytes = fields.TakeInteger<uint16_t>();
    entry.path = std::string(fields.Take(path_bytes));
    entry.link_target = std::string(fields.TakeRest());
  } else {
    entry.path = std::string(fields.TakeRest());
  }
  if (!fields.done()) {
    return absl::InvalidArgumentError("an entry's record that is too short");
  }
  return entry;
}

void AppendChunk(std::string& body, const Chunk& chunk) {
  body.append(chunk.digest.bytes().data(), Digest::kBytes);
  AppendInteger(body, chunk.plain_bytes);
}

Chunk DecodeChunk(absl::string_view bytes) {
  FieldReader fields(bytes);
  Chunk chunk;
  chunk.digest = TakeDigest(fields);
  chunk.plain_bytes = fields.TakeInteger<uint32_t>();
  return chunk;
}

std::string EncodeSkipped(const SkippedEntry& skipped) {
  std::string body;
  AppendInteger(body, static_cast<uint8_t>(skipped.reason));
  return body + skipped.escaped_path;
}

absl::StatusOr<SkippedEntry> DecodeSkipped(absl::string_view body) {
  FieldReader fields(body);
  const auto reason = fields.TakeInteger<uint8_t>();
  const absl::string_view path = fields.TakeRest();
  if (reason < static_cast<uint8_t>(SkipReason::kName) ||
      reason > static_cast<uint8_t>(SkipReason::kTime)) {
    return absl::InvalidArgumentError("an unknown reason for leaving an entry out");
  }
  if (path.empty() || path.size() > kEscapedPathBytesMax || !IsPrintable(path)) {
    return absl::InvalidArgumentError("a left out path that is not printable or too long");
  }
  return SkippedEntry{static_cast<SkipReason>(reason), std::string(path)};
}

std::string EncodeTotals(const ManifestTotals& totals) {
  std::string body;
  for (const uint64_t number :
       {totals.entry_count, totals.file_count, totals.plain_bytes, totals.chunk_count,
        totals.unique_chunk_count, totals.skipped_count}) {
    AppendInteger(body, number);
  }
  body.append(totals.content_digest.bytes().data(), Digest::kBytes);
  return body;
}

absl::StatusOr<ManifestTotals> DecodeTotals(absl::string_view body) {
  FieldReader fields(body);
  ManifestTotals totals;
  for (uint64_t* number :
       {&totals.entry_count, &totals.file_count, &totals.plain_bytes, &totals.chunk_count,
        &totals.unique_chunk_count, &totals.skipped_count}) {
    *number = fields.TakeInteger<uint64_t>();
  }
  totals.content_digest = TakeDigest(fields);
  if (!fields.done()) {
    return absl::InvalidArgumentError("a trailer of the wrong length");
  }
  return totals;
}

}  // namespace waybill::content
