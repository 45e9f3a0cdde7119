#include "common/content/byte_stream.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/status/status_macros.h"

namespace waybill::content {
namespace {

constexpr size_t kBufferBytes = 64 << 10;

}  // namespace

absl::StatusOr<size_t> StringSource::Read(absl::Span<char> buffer) {
  const size_t bytes = std::min(buffer.size(), rest_.size());
  std::copy_n(rest_.data(), bytes, buffer.data());
  rest_.remove_prefix(bytes);
  return bytes;
}

absl::Status StringSink::Append(absl::string_view bytes) {
  bytes_.append(bytes.data(), bytes.size());
  return absl::OkStatus();
}

absl::StatusOr<size_t> FileSource::Read(absl::Span<char> buffer) {
  WAYBILL_ASSIGN_OR_RETURN(const int64_t bytes, file_->ReadAt(offset_, buffer));
  offset_ += bytes;
  return static_cast<size_t>(bytes);
}

absl::Status FileSink::Append(absl::string_view bytes) {
  WAYBILL_RETURN_IF_ERROR(file_.WriteFull(offset_, bytes));
  offset_ += static_cast<int64_t>(bytes.size());
  return absl::OkStatus();
}

absl::Status BufferedSink::Append(absl::string_view bytes) {
  buffer_.append(bytes.data(), bytes.size());
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status BufferedSink::Flush() {
  WAYBILL_RETURN_IF_ERROR(sink_.Append(buffer_));
  buffer_.clear();
  return absl::OkStatus();
}

}  // namespace waybill::content
