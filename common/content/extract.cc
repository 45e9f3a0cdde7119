#include "common/content/extract.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/content/limits.h"
#include "common/content/tree_builder.h"
#include "common/status/status_macros.h"
#include "common/tree/file.h"

namespace waybill::content {
namespace {

class ChunkFiller final : public FileFiller {
 public:
  explicit ChunkFiller(ChunkStore& store) : store_(store) {}

  bool fills_ranges() const override { return true; }

  absl::Status Fill(const Entry& /*entry*/, uint64_t offset, const std::vector<Chunk>& chunks,
                    tree::File& to) override {
    thread_local std::vector<char> buffer(kChunkBytesMax);
    for (const Chunk& chunk : chunks) {
      const auto plain = absl::MakeSpan(buffer).subspan(0, chunk.plain_bytes);
      WAYBILL_RETURN_IF_ERROR(store_.ReadPlain(chunk, plain));
      WAYBILL_RETURN_IF_ERROR(
          to.WriteFull(static_cast<int64_t>(offset), {plain.data(), plain.size()}));
      offset += chunk.plain_bytes;
    }
    return absl::OkStatus();
  }

 private:
  ChunkStore& store_;
};

class CopyFiller final : public FileFiller {
 public:
  explicit CopyFiller(const tree::Directory& source) : source_(source) {}

  bool fills_ranges() const override { return false; }  // Blocks are only shared whole.

  absl::Status Fill(const Entry& entry, uint64_t /*offset*/, const std::vector<Chunk>& /*chunks*/,
                    tree::File& to) override {
    WAYBILL_ASSIGN_OR_RETURN(const tree::File from, source_.OpenFile(entry.path));
    WAYBILL_ASSIGN_OR_RETURN(const int64_t size, from.Size());
    if (static_cast<uint64_t>(size) != entry.plain_bytes) {
      return absl::DataLossError("the source has another size than the manifest");
    }
    WAYBILL_ASSIGN_OR_RETURN(const tree::CopyMethod method, to.CopyFrom(from, 0, size));
    if (method == tree::CopyMethod::kClone) ++cloned_files_;
    return absl::OkStatus();
  }

  uint64_t cloned_files() const { return cloned_files_; }

 private:
  const tree::Directory& source_;
  std::atomic<uint64_t> cloned_files_ = 0;
};

absl::Status CheckOptions(const WorkOptions& options) {
  return options.threads >= 1 ? absl::OkStatus()
                              : absl::InvalidArgumentError("threads: at least 1");
}

}  // namespace

absl::StatusOr<BuildResult> ExtractTree(const Manifest& manifest, ChunkStore& store,
                                        const tree::Directory& destination,
                                        const WorkOptions& options) {
  WAYBILL_RETURN_IF_ERROR(CheckOptions(options));
  ChunkFiller filler(store);
  BuildResult result;
  WAYBILL_ASSIGN_OR_RETURN(result.totals,
                           TreeBuilder(manifest, destination, options, filler).Run());
  return result;
}

absl::StatusOr<BuildResult> CopyTree(const Manifest& manifest, const tree::Directory& source,
                                     const tree::Directory& destination,
                                     const WorkOptions& options) {
  WAYBILL_RETURN_IF_ERROR(CheckOptions(options));
  CopyFiller filler(source);
  BuildResult result;
  WAYBILL_ASSIGN_OR_RETURN(result.totals,
                           TreeBuilder(manifest, destination, options, filler).Run());
  result.cloned_files = filler.cloned_files();
  return result;
}

}  // namespace waybill::content
