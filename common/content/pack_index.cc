#include "common/content/pack_index.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/mman.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/content/limits.h"
#include "common/content/little_endian.h"
#include "common/status/status_macros.h"
#include "common/tree/errno_status.h"
#include "common/tree/path.h"

namespace waybill::content {
namespace {

constexpr absl::string_view kMagic = "WBINDEX\n";
constexpr uint32_t kFormat = 1;
constexpr size_t kHeaderBytes = 24;
constexpr size_t kEntryBytes = 56;

absl::Status Broken(const tree::File& file, absl::string_view reason) {
  return absl::DataLossError(absl::StrCat("index ", tree::Escaped(file.path()), ": ", reason));
}

absl::Status CheckBytes(const tree::File& file, absl::string_view bytes) {
  FieldReader fields(bytes);
  if (fields.Take(kMagic.size()) != kMagic || fields.TakeInteger<uint32_t>() != kFormat) {
    return Broken(file, "not an index of this format");
  }
  const auto count = fields.TakeInteger<uint32_t>();
  if (count > kPackEntriesMax ||
      bytes.size() != kHeaderBytes + count * kEntryBytes + Digest::kBytes) {
    return Broken(file, "the wrong length");
  }
  const absl::string_view checked = bytes.substr(0, bytes.size() - Digest::kBytes);
  if (Sha256::Of(checked).bytes() != bytes.substr(checked.size())) {
    return Broken(file, "the wrong check");
  }
  return absl::OkStatus();
}

PackEntry DecodeEntry(absl::string_view bytes) {
  FieldReader fields(bytes);
  PackEntry entry;
  entry.facts.digest = *Digest::FromBytes(fields.Take(Digest::kBytes));
  entry.offset = fields.TakeInteger<uint64_t>();
  entry.facts.plain_bytes = fields.TakeInteger<uint32_t>();
  entry.stored_bytes = fields.TakeInteger<uint32_t>();
  // Whatever stands here is compared with the record's own header when that is read.
  entry.facts.representation = static_cast<Representation>(fields.TakeInteger<uint8_t>());
  return entry;
}

}  // namespace

std::string PackIndex::Encode(std::vector<PackEntry> entries, uint64_t pack_bytes) {
  std::sort(entries.begin(), entries.end(),
            [](const PackEntry& a, const PackEntry& b) { return a.facts.digest < b.facts.digest; });
  std::string bytes(kMagic);
  bytes.reserve(kHeaderBytes + entries.size() * kEntryBytes + Digest::kBytes);
  AppendInteger(bytes, kFormat);
  AppendInteger(bytes, static_cast<uint32_t>(entries.size()));
  AppendInteger(bytes, pack_bytes);
  for (const PackEntry& entry : entries) {
    bytes.append(entry.facts.digest.bytes().data(), Digest::kBytes);
    AppendInteger(bytes, entry.offset);
    AppendInteger(bytes, entry.facts.plain_bytes);
    AppendInteger(bytes, entry.stored_bytes);
    AppendInteger(bytes, static_cast<uint64_t>(entry.facts.representation));
  }
  const Digest check = Sha256::Of(bytes);
  bytes.append(check.bytes().data(), Digest::kBytes);
  return bytes;
}

absl::StatusOr<PackIndex> PackIndex::Load(const tree::File& file) {
  WAYBILL_ASSIGN_OR_RETURN(const int64_t size, file.Size());
  constexpr auto kBytesMax =
      static_cast<int64_t>(kHeaderBytes + kPackEntriesMax * kEntryBytes + Digest::kBytes);
  if (size < static_cast<int64_t>(kHeaderBytes + Digest::kBytes) || size > kBytesMax) {
    return Broken(file, "the wrong length");
  }
  // Checked in a copy: through the mapping, all its pages would become resident.
  std::string bytes(static_cast<size_t>(size), '\0');
  WAYBILL_RETURN_IF_ERROR(file.ReadFull(0, absl::MakeSpan(bytes.data(), bytes.size())));
  WAYBILL_RETURN_IF_ERROR(CheckBytes(file, bytes));
  void* const mapping = mmap(nullptr, bytes.size(), PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (mapping == MAP_FAILED) return tree::ErrnoToStatus(errno, "map", file.path());
  PackIndex index;
  index.mapping_ = static_cast<const char*>(mapping);
  index.mapping_bytes_ = bytes.size();
  FieldReader fields(absl::string_view(bytes).substr(kMagic.size() + sizeof(kFormat)));
  index.count_ = fields.TakeInteger<uint32_t>();
  index.pack_bytes_ = fields.TakeInteger<uint64_t>();
  return index;
}

PackIndex::PackIndex(PackIndex&& other) noexcept {
  *this = std::move(other);
}

PackIndex& PackIndex::operator=(PackIndex&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(mapping_bytes_, other.mapping_bytes_);
  std::swap(count_, other.count_);
  std::swap(pack_bytes_, other.pack_bytes_);
  return *this;
}

PackIndex::~PackIndex() {
  if (mapping_ != nullptr) {
    munmap(const_cast<char*>(mapping_), mapping_bytes_);
  }
}

std::optional<PackEntry> PackIndex::Find(const Digest& digest) const {
  size_t low = 0;
  size_t high = count_;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const int order = Bytes(middle).substr(0, Digest::kBytes).compare(digest.bytes());
    if (order == 0) return (*this)[middle];
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return std::nullopt;
}

PackEntry PackIndex::operator[](size_t i) const {
  return DecodeEntry(Bytes(i));
}

absl::string_view PackIndex::Bytes(size_t i) const {
  return {mapping_ + kHeaderBytes + i * kEntryBytes, kEntryBytes};
}

}  // namespace waybill::content
