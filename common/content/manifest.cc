#include "common/content/manifest.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

#include "common/content/byte_stream.h"
#include "common/content/manifest_reader.h"
#include "common/status/status_macros.h"
#include "common/tree/path.h"

namespace waybill::content {
namespace {

constexpr size_t kPackageIdBytes = 8;

// A source over bytes that it keeps alive.
class SharedStringSource final : public ByteSource {
 public:
  explicit SharedStringSource(std::shared_ptr<const std::string> bytes)
      : bytes_(std::move(bytes)), source_(*bytes_) {}
  absl::StatusOr<size_t> Read(absl::Span<char> buffer) override { return source_.Read(buffer); }

 private:
  const std::shared_ptr<const std::string> bytes_;
  StringSource source_;
};

int Rank(char c) {
  return c == '/' ? 0 : static_cast<uint8_t>(c);
}

}  // namespace

absl::string_view SkipReasonName(SkipReason reason) {
  switch (reason) {
    case SkipReason::kName:
      return "name";
    case SkipReason::kSpecial:
      return "special";
    case SkipReason::kLink:
      return "link";
    case SkipReason::kTime:
      return "time";
  }
  return "unknown";
}

int ComparePaths(absl::string_view a, absl::string_view b) {
  const size_t common = std::min(a.size(), b.size());
  for (size_t i = 0; i < common; ++i) {
    if (a[i] != b[i]) return Rank(a[i]) - Rank(b[i]);
  }
  if (a.size() == b.size()) return 0;
  return a.size() < b.size() ? -1 : 1;
}

absl::Status CheckPackageId(absl::string_view package_id) {
  const bool good = package_id.size() == kPackageIdBytes &&
                    std::all_of(package_id.begin(), package_id.end(), [](char c) {
                      return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                    });
  if (!good) {
    return absl::InvalidArgumentError(
        "package_id: a site code and five more characters, all of A-Z and 0-9");
  }
  return absl::OkStatus();
}

Manifest Manifest::FromString(std::string bytes) {
  Manifest manifest;
  manifest.bytes_ = std::make_shared<const std::string>(std::move(bytes));
  return manifest;
}

Manifest Manifest::FromFile(std::shared_ptr<const tree::File> file) {
  Manifest manifest;
  manifest.file_ = std::move(file);
  return manifest;
}

std::unique_ptr<ByteSource> Manifest::NewSource() const {
  if (file_ != nullptr) {
    return std::make_unique<FileSource>(file_);
  }
  return std::make_unique<SharedStringSource>(bytes_);
}

absl::StatusOr<uint64_t> Manifest::SizeBytes() const {
  if (file_ == nullptr) {
    return bytes_->size();
  }
  WAYBILL_ASSIGN_OR_RETURN(const int64_t size, file_->Size());
  return static_cast<uint64_t>(size);
}

absl::StatusOr<ManifestIndex> IndexManifest(const Manifest& manifest) {
  const std::unique_ptr<ByteSource> source = manifest.NewSource();
  ManifestIndex index;
  ManifestReader reader(*source, &index.chunks);
  Entry entry;
  for (;;) {
    WAYBILL_ASSIGN_OR_RETURN(const bool more, reader.Next(entry));
    if (!more) break;
  }
  index.version = reader.version();
  index.manifest_bytes = reader.manifest_bytes();
  index.package_id = reader.package_id();
  index.totals = reader.totals();
  index.skipped = reader.skipped();
  return index;
}

}  // namespace waybill::content
