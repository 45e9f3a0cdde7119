#include "common/content/import.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "common/content/codec.h"
#include "common/content/import_batch.h"
#include "common/content/import_reader.h"
#include "common/content/import_scan.h"
#include "common/content/manifest_writer.h"
#include "common/content/pack_writer.h"
#include "common/content/progress_meter.h"
#include "common/status/status_macros.h"

namespace waybill::content {
namespace {

// The second stage: names a batch's chunks, and compresses those that the store lacks.
class ChunkWorker {
 public:
  ChunkWorker(const ChunkStore& store, const PackWriter& packs) : store_(store), packs_(packs) {}

  void Run(BatchBelt& belt) {
    for (BatchBelt::Work work = belt.TakeFilled(); work.batch != nullptr;
         work = belt.TakeFilled()) {
      size_t packed_bytes = 0;
      for (Piece& piece : work.batch->pieces) {
        Handle(piece, absl::MakeSpan(work.batch->packed).subspan(packed_bytes));
        packed_bytes += piece.is_stored ? 0 : piece.stored_bytes;
      }
      belt.Done(work.number);
    }
  }

 private:
  void Handle(Piece& piece, absl::Span<char> buffer) {
    piece.facts.digest = Sha256::Of(piece.plain);
    piece.facts.plain_bytes = static_cast<uint32_t>(piece.plain.size());
    // Compressing costs twice as much as all else together, so look first. Chunks in open packs of
    // other writers do not count: those writers may die.
    std::optional<PackEntry> there = store_.FindSealed(piece.facts.digest);
    if (!there.has_value()) there = packs_.Find(piece.facts.digest);
    piece.is_stored = there.has_value();
    if (piece.is_stored) {
      piece.stored_bytes = there->stored_bytes;
      return;
    }
    const Compressor::Result result = compressor_.Compress(piece.plain, buffer);
    piece.facts.representation = result.representation;
    piece.stored = result.stored;
    piece.stored_bytes = static_cast<uint32_t>(result.stored.size());
  }

  const ChunkStore& store_;
  const PackWriter& packs_;
  Compressor compressor_;
};

// The third stage: the manifest and the packs, in the order of the tree.
class BatchWriter {
 public:
  BatchWriter(ManifestWriter& manifest, PackWriter& packs) : manifest_(manifest), packs_(packs) {}

  absl::Status Write(const Batch& batch, Progress& progress) {
    size_t next = 0;
    for (const Step& step : batch.steps) {
      if (!step.is_continued) {
        WAYBILL_RETURN_IF_ERROR(manifest_.AddEntry(step.entry));
        progress.files_done += step.entry.type == EntryType::kFile ? 1 : 0;
      }
      for (; next < step.pieces_end; ++next) {
        WAYBILL_RETURN_IF_ERROR(WritePiece(batch.pieces[next]));
      }
    }
    progress.bytes_done += batch.plain_bytes;
    return absl::OkStatus();
  }

  uint64_t stored_bytes() const { return stored_bytes_; }

 private:
  absl::Status WritePiece(const Piece& piece) {
    WAYBILL_ASSIGN_OR_RETURN(const ChunkList::Added added,
                             manifest_.AddChunk({piece.facts.digest, piece.facts.plain_bytes}));
    if (!added.is_new) return absl::OkStatus();
    stored_bytes_ += piece.stored_bytes;
    return piece.is_stored ? absl::OkStatus() : packs_.Put(piece.facts, piece.stored);
  }

  ManifestWriter& manifest_;
  PackWriter& packs_;
  uint64_t stored_bytes_ = 0;
};

// Runs the three stages to their end or to the first error.
class ImportPipeline {
 public:
  ImportPipeline(const tree::Directory& source, ChunkStore& store, const ImportOptions& options,
                 const SourceScan& scan)
      : source_(source), store_(store), options_(options), scan_(scan) {}

  absl::Status Run(PackWriter& packs, BatchWriter& writer) {
    BatchBelt belt(static_cast<size_t>(options_.work.threads) + 3);
    std::vector<std::thread> threads;
    threads.emplace_back([&] { SourceReader(scan_, options_.work.cancelled, belt).Run(source_); });
    for (int i = 0; i < options_.work.threads; ++i) {
      threads.emplace_back([&] { ChunkWorker(store_, packs).Run(belt); });
    }
    WriteAll(belt, writer);
    for (std::thread& thread : threads) {
      thread.join();
    }
    return belt.status();
  }

 private:
  void WriteAll(BatchBelt& belt, BatchWriter& writer) {
    ProgressMeter meter(options_.work.progress, {0, scan_.file_count, 0, scan_.plain_bytes});
    for (;;) {
      bool idle = false;
      const Batch* const batch = belt.TakeDone(idle);
      if (batch != nullptr) {
        const absl::Status written = writer.Write(*batch, meter.progress());
        if (!written.ok()) return belt.Fail(written);
        belt.Free();
      } else if (!idle) {
        break;
      }
      meter.ReportSometimes();
    }
    meter.Report();
  }

  const tree::Directory& source_;
  ChunkStore& store_;
  const ImportOptions& options_;
  const SourceScan& scan_;
};

absl::Status CheckOptions(const ImportOptions& options) {
  if (options.work.threads < 1) return absl::InvalidArgumentError("threads: at least 1");
  return CheckPackageId(options.package_id);
}

}  // namespace

absl::StatusOr<ImportResult> ImportTree(const tree::Directory& source, ChunkStore& store,
                                        const ImportOptions& options) {
  WAYBILL_RETURN_IF_ERROR(CheckOptions(options));
  WAYBILL_ASSIGN_OR_RETURN(SourceScan scan, ScanSource(source, options.work.cancelled));
  if (!scan.unsafe.empty() && !options.skip_unsafe) {
    const absl::Status refused = UnsafeSourceError(scan.unsafe);
    if (options.refused != nullptr) *options.refused = std::move(scan.unsafe);
    return refused;
  }
  WAYBILL_RETURN_IF_ERROR(store.Refresh());
  WAYBILL_ASSIGN_OR_RETURN(StagedManifest staged, store.manifests().Stage());
  ManifestWriter manifest(staged, options.package_id);
  const std::unique_ptr<PackWriter> packs = store.NewWriter();
  BatchWriter writer(manifest, *packs);
  WAYBILL_RETURN_IF_ERROR(ImportPipeline(source, store, options, scan).Run(*packs, writer));
  for (const SkippedEntry& skipped : scan.unsafe) {
    WAYBILL_RETURN_IF_ERROR(manifest.AddSkipped(skipped));
  }
  WAYBILL_ASSIGN_OR_RETURN(const ManifestWriter::Result finished, manifest.Finish());
  WAYBILL_RETURN_IF_ERROR(packs->Seal());
  ImportResult result{.manifest = std::move(staged),
                      .version = finished.version,
                      .manifest_bytes = finished.manifest_bytes,
                      .totals = finished.totals,
                      .stored_bytes = writer.stored_bytes(),
                      .new_chunk_bytes = packs->written_bytes(),
                      .skipped = std::move(scan.unsafe),
                      .special_mode_paths = std::move(scan.special_mode_paths),
                      .special_mode_count = scan.special_mode_count};
  return result;
}

}  // namespace waybill::content
