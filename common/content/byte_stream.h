#ifndef WAYBILL_COMMON_CONTENT_BYTE_STREAM_H_
#define WAYBILL_COMMON_CONTENT_BYTE_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/tree/file.h"

namespace waybill::content {

/// Bytes from somewhere, in order. Used by one thread at a time.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// Fills a part of `buffer` (not empty) and returns how much; 0 only at the end.
  virtual absl::StatusOr<size_t> Read(absl::Span<char> buffer) = 0;
};

/// Takes bytes, in order. Used by one thread at a time.
class ByteSink {
 public:
  virtual ~ByteSink() = default;

  /// Takes all of `bytes` or fails; after an error the sink is of no more use.
  virtual absl::Status Append(absl::string_view bytes) = 0;
};

/// Reads bytes that stand somewhere else and outlive it.
class StringSource final : public ByteSource {
 public:
  explicit StringSource(absl::string_view bytes) : rest_(bytes) {}
  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;

 private:
  absl::string_view rest_;
};

/// Collects into its own string.
class StringSink final : public ByteSink {
 public:
  absl::Status Append(absl::string_view bytes) override;
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Reads a file from its start. Several may read one file.
class FileSource final : public ByteSource {
 public:
  explicit FileSource(std::shared_ptr<const tree::File> file) : file_(std::move(file)) {}
  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override;

 private:
  std::shared_ptr<const tree::File> file_;
  int64_t offset_ = 0;
};

/// Writes a file from its start. Not durable by itself.
class FileSink final : public ByteSink {
 public:
  explicit FileSink(tree::File& file) : file_(file) {}
  absl::Status Append(absl::string_view bytes) override;

 private:
  tree::File& file_;
  int64_t offset_ = 0;
};

/// Collects small pieces and hands them on about 64 KiB at a time. Flush before relying on it.
class BufferedSink final : public ByteSink {
 public:
  explicit BufferedSink(ByteSink& sink) : sink_(sink) {}
  absl::Status Append(absl::string_view bytes) override;
  absl::Status Flush();

 private:
  ByteSink& sink_;
  std::string buffer_;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_BYTE_STREAM_H_
