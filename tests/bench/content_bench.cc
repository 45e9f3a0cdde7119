// What one site does with the bytes of a package, against what a user would do instead:
//
//     content_bench TREE SCRATCH [ROUNDS]
//
// Runs, interleaved in each round: tar | lz4 -1 > file; import; import again; extract; copy;
// verify. Then 100,000 files of 4 KiB once. Prints wall seconds, CPU seconds and GB/s of plain
// bytes as medians with the spread. SCRATCH is a directory on the disk in question; a probe of the
// disk is printed with the rest. Other work on the machine shows in wall, less in CPU.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "common/content/chunk_store.h"
#include "common/content/extract.h"
#include "common/content/import.h"
#include "common/status/check.h"
#include "common/tree/directory.h"

namespace waybill::content {
namespace {

constexpr int kSmallFiles = 100'000;
constexpr size_t kSmallFileBytes = 4096;

double CpuSeconds() {
  double seconds = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    seconds += static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
    seconds += static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  }
  return seconds;
}

class Table {
 public:
  template <typename Run>
  void Measure(const std::string& name, const Run& run) {
    const absl::Time start = absl::Now();
    const double cpu = CpuSeconds();
    run();
    rows_[name].push_back({absl::ToDoubleSeconds(absl::Now() - start), CpuSeconds() - cpu});
    if (rows_[name].size() == 1) names_.push_back(name);
  }

  void Print(double gigabytes) {
    std::printf("%-28s %9s %17s %8s %7s %9s\n", "", "wall s", "(min .. max)", "cpu s", "GB/s",
                "GB/cpu-s");
    for (const std::string& name : names_) {
      std::vector<std::pair<double, double>> runs = rows_[name];
      std::sort(runs.begin(), runs.end());
      const auto [wall, unused] = runs[runs.size() / 2];
      std::vector<double> cpus;
      for (const auto& [w, c] : runs) cpus.push_back(c);
      std::sort(cpus.begin(), cpus.end());
      const double cpu = cpus[cpus.size() / 2];
      std::printf("%-28s %9.3f (%6.3f .. %6.3f) %8.3f %7.3f %9.3f\n", name.c_str(), wall,
                  runs.front().first, runs.back().first, cpu, gigabytes / wall, gigabytes / cpu);
    }
  }

 private:
  std::vector<std::string> names_;
  std::map<std::string, std::vector<std::pair<double, double>>> rows_;
};

void Shell(const std::string& command) {
  WAYBILL_CHECK(std::system(command.c_str()) == 0);
}

class Bench {
 public:
  explicit Bench(const std::string& scratch)
      : scratch_(tree::Directory::Create(absl::StrCat(scratch, "/content_bench")).value()) {}

  // All steps once with one tree. Returns its plain bytes.
  uint64_t Round(const std::string& source_path, Table& table) {
    const tree::Directory source = tree::Directory::Open(source_path).value();
    for (const char* name : {"store", "out", "copy", "tar.lz4"}) {
      WAYBILL_CHECK(scratch_.RemoveTree(name).ok());
    }
    table.Measure("disk probe: 256 MB, sync", [&] {
      Shell(absl::StrCat("dd if=/dev/zero of='", scratch_.path(),
                         "/probe' bs=4M count=64 conv=fdatasync 2>/dev/null"));
    });
    table.Measure("tar | lz4 -1 > file", [&] {
      Shell(absl::StrCat("tar -C '", source_path, "' -cf - . | lz4 -1 -q > '", scratch_.path(),
                         "/tar.lz4'"));
    });
    table.Measure("tar | lz4 -1 > file, synced", [&] {
      Shell(absl::StrCat("tar -C '", source_path, "' -cf - . | lz4 -1 -q > '", scratch_.path(),
                         "/tar.lz4' && sync '", scratch_.path(), "/tar.lz4'"));
    });
    const auto store = ChunkStore::Open(scratch_.MakeDirectories("store").value()).value();
    const auto import = [&] {
      ImportOptions options;
      options.package_id = "CENBENCH";
      options.skip_unsafe = true;  // Trees of a system have links that leave them.
      ImportResult result = ImportTree(source, *store, options).value();
      WAYBILL_CHECK(result.manifest.Commit().ok());
      plain_bytes_ = result.totals.plain_bytes;
      return result.version;
    };
    Digest version;
    table.Measure("import", [&] { version = import(); });
    table.Measure("import again, unchanged", [&] { version = import(); });
    const Manifest manifest = store->manifests().Get(version).value();
    const tree::Directory out = scratch_.MakeDirectories("out").value();
    const tree::Directory copy = scratch_.MakeDirectories("copy").value();
    table.Measure("extract, durable",
                  [&] { WAYBILL_CHECK(ExtractTree(manifest, *store, out).ok()); });
    table.Measure("copy, durable", [&] { WAYBILL_CHECK(CopyTree(manifest, out, copy).ok()); });
    table.Measure("verify", [&] { WAYBILL_CHECK(VerifyTree(manifest, copy).ok()); });
    return plain_bytes_;
  }

  // Makes the tree of small files and returns its path.
  std::string MakeSmallFiles() const {
    const tree::Directory small = scratch_.MakeDirectories("small").value();
    std::string bytes(kSmallFileBytes, '.');
    for (int i = 0; i < kSmallFiles; ++i) {
      const std::string folder = absl::StrCat(i / 1000);
      if (i % 1000 == 0) WAYBILL_CHECK(small.MakeDirectory(folder).ok());
      const std::string number = absl::StrCat("file ", i, "\n");
      bytes.replace(0, number.size(), number);
      tree::File file = small.CreateFile(absl::StrCat(folder, "/", i)).value();
      WAYBILL_CHECK(file.WriteFull(0, bytes).ok());
    }
    return small.path();
  }

  const tree::Directory& scratch() const { return scratch_; }

 private:
  const tree::Directory scratch_;
  uint64_t plain_bytes_ = 0;
};

void Run(const std::string& source, const std::string& scratch, int rounds) {
  Bench bench(scratch);
  Table table;
  uint64_t plain_bytes = 0;
  for (int i = 0; i < rounds; ++i) {
    std::fprintf(stderr, "round %d of %d\n", i + 1, rounds);
    plain_bytes = bench.Round(source, table);
  }
  std::printf("%s: %.3f GB, %d rounds\n", source.c_str(), static_cast<double>(plain_bytes) / 1e9,
              rounds);
  table.Print(static_cast<double>(plain_bytes) / 1e9);
  Table small;
  std::fprintf(stderr, "%d small files\n", kSmallFiles);
  const std::string small_path = bench.MakeSmallFiles();
  plain_bytes = bench.Round(small_path, small);
  std::printf("\n%d files of %zu bytes (files/s = %d / wall s)\n", kSmallFiles, kSmallFileBytes,
              kSmallFiles);
  small.Print(static_cast<double>(plain_bytes) / 1e9);
  for (const char* name : {"store", "out", "copy", "tar.lz4", "probe", "small"}) {
    WAYBILL_CHECK(bench.scratch().RemoveTree(name).ok());
  }
}

}  // namespace
}  // namespace waybill::content

int main(int argc, char** argv) {
  int rounds = 5;
  if (argc < 3 || (argc > 3 && (!absl::SimpleAtoi(argv[3], &rounds) || rounds < 1))) {
    std::fprintf(stderr, "usage: content_bench TREE SCRATCH [ROUNDS]\n");
    return 2;
  }
  waybill::content::Run(argv[1], argv[2], rounds);
  return 0;
}
