#include "common/content/manifest_reader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/content/limits.h"
#include "common/content/little_endian.h"
#include "common/content/manifest_records.h"
#include "common/status/status_macros.h"

namespace waybill::content {
namespace {

constexpr size_t kBufferBytes = 64 << 10;

absl::Status Malformed(absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("manifest: ", reason));
}

}  // namespace

ManifestReader::ManifestReader(ByteSource& source, ChunkList* chunks)
    : source_(source), chunks_(chunks), buffer_(kBufferBytes, '\0') {}

absl::StatusOr<bool> ManifestReader::Next(Entry& entry) {
  if (!failed_.ok()) return failed_;
  if (finished_) return false;
  absl::StatusOr<bool> more = NextUnlatched(entry);
  failed_ = more.status();
  return more;
}

absl::StatusOr<bool> ManifestReader::NextUnlatched(Entry& entry) {
  if (!started_) {
    WAYBILL_RETURN_IF_ERROR(ReadStart());
  }
  Chunk unread;
  for (;;) {
    WAYBILL_ASSIGN_OR_RETURN(const bool more, NextChunk(unread));
    if (!more) break;
  }
  for (;;) {
    WAYBILL_RETURN_IF_ERROR(ReadRecord());
    switch (type_) {
      case static_cast<uint8_t>(EntryType::kDirectory):
      case static_cast<uint8_t>(EntryType::kFile):
      case static_cast<uint8_t>(EntryType::kLink): {
        if (!skipped_.empty()) return Malformed("an entry behind left out ones");
        WAYBILL_ASSIGN_OR_RETURN(entry, DecodeEntry(static_cast<EntryType>(type_), body_));
        WAYBILL_RETURN_IF_ERROR(rules_.AddEntry(entry));
        return true;
      }
      case kSkippedRecord:
        WAYBILL_RETURN_IF_ERROR(ReadSkipped());
        break;
      case kTrailerRecord:
        WAYBILL_RETURN_IF_ERROR(ReadTrailer());
        return false;
      default:
        return Malformed(absl::StrCat("a record of type ", type_, " where none may be"));
    }
  }
}

absl::StatusOr<bool> ManifestReader::NextChunk(Chunk& chunk) {
  if (!failed_.ok()) return failed_;
  if (chunks_rest_.empty()) {
    if (rules_.missing_bytes() == 0) return false;
    failed_ = ReadChunksRecord();
    if (!failed_.ok()) return failed_;
  }
  chunk = DecodeChunk(chunks_rest_.substr(0, kChunkRecordBytes));
  chunks_rest_.remove_prefix(kChunkRecordBytes);
  failed_ = rules_.AddChunk(chunk);
  if (failed_.ok() && chunks_ != nullptr) {
    failed_ = chunks_->Add(chunk).status();
  }
  if (failed_.ok() && chunks_rest_.empty() != (rules_.missing_bytes() == 0) &&
      body_.size() != kChunksPerRecord * kChunkRecordBytes) {
    failed_ = Malformed("chunks are not gathered in full records");
  }
  if (!failed_.ok()) return failed_;
  return true;
}

absl::Status ManifestReader::ReadStart() {
  started_ = true;
  std::string preamble(kManifestMagic.size() + sizeof(uint32_t), '\0');
  WAYBILL_RETURN_IF_ERROR(ReadBytes(preamble.data(), preamble.size()));
  FieldReader fields(preamble);
  if (fields.Take(kManifestMagic.size()) != kManifestMagic) {
    return Malformed("not a manifest");
  }
  if (const auto format = fields.TakeInteger<uint32_t>(); format != kManifestFormat) {
    return absl::UnimplementedError(absl::StrCat("manifest: unknown format ", format));
  }
  WAYBILL_RETURN_IF_ERROR(ReadRecord());
  if (type_ != kHeaderRecord) return Malformed("no header");
  WAYBILL_RETURN_IF_ERROR(CheckPackageId(body_));
  package_id_ = body_;
  return absl::OkStatus();
}

absl::Status ManifestReader::ReadRecord() {
  std::string frame(kRecordFrameBytes, '\0');
  WAYBILL_RETURN_IF_ERROR(ReadBytes(frame.data(), frame.size()));
  FieldReader fields(frame);
  const auto size = fields.TakeInteger<uint32_t>();
  type_ = fields.TakeInteger<uint8_t>();
  if (size > kManifestRecordBytesMax) return Malformed("a record over the limit");
  body_.resize(size);
  return ReadBytes(body_.data(), size);
}

absl::Status ManifestReader::ReadBytes(char* data, size_t size) {
  if (bytes_read_ + size > kManifestBytesMax) return Malformed("over the limit");
  while (size > 0) {
    if (buffer_at_ == buffer_end_) {
      WAYBILL_RETURN_IF_ERROR(Fill());
      if (buffer_end_ == 0) return absl::DataLossError("manifest: ends early");
    }
    const size_t part = std::min(size, buffer_end_ - buffer_at_);
    std::memcpy(data, buffer_.data() + buffer_at_, part);
    hasher_.Update({buffer_.data() + buffer_at_, part});
    buffer_at_ += part;
    bytes_read_ += part;
    data += part;
    size -= part;
  }
  return absl::OkStatus();
}

absl::Status ManifestReader::Fill() {
  buffer_at_ = 0;
  WAYBILL_ASSIGN_OR_RETURN(buffer_end_, source_.Read(absl::MakeSpan(buffer_.data(), kBufferBytes)));
  return absl::OkStatus();
}

absl::Status ManifestReader::ReadChunksRecord() {
  WAYBILL_RETURN_IF_ERROR(ReadRecord());
  if (type_ != kChunksRecord) return Malformed("a file's chunks are missing");
  if (body_.empty() || body_.size() % kChunkRecordBytes != 0 ||
      body_.size() > kChunksPerRecord * kChunkRecordBytes) {
    return Malformed("a chunks record of the wrong length");
  }
  chunks_rest_ = body_;
  return absl::OkStatus();
}

absl::Status ManifestReader::ReadSkipped() {
  if (skipped_.size() >= kSkippedMax) return Malformed("more left out entries than the limit");
  WAYBILL_ASSIGN_OR_RETURN(SkippedEntry skipped, DecodeSkipped(body_));
  skipped_.push_back(std::move(skipped));
  return absl::OkStatus();
}

absl::Status ManifestReader::ReadTrailer() {
  WAYBILL_ASSIGN_OR_RETURN(totals_, DecodeTotals(body_));
  WAYBILL_ASSIGN_OR_RETURN(ManifestTotals found, rules_.Finish());
  found.skipped_count = skipped_.size();
  found.unique_chunk_count = chunks_ == nullptr ? totals_.unique_chunk_count : chunks_->size();
  if (found != totals_) return Malformed("the trailer's totals are not those of the entries");
  if (buffer_at_ == buffer_end_) {
    WAYBILL_RETURN_IF_ERROR(Fill());
  }
  if (buffer_at_ != buffer_end_) return Malformed("bytes behind the trailer");
  version_ = hasher_.Finish();
  finished_ = true;
  return absl::OkStatus();
}

}  // namespace waybill::content
