#ifndef WAYBILL_COMMON_CONTENT_LIMITS_H_
#define WAYBILL_COMMON_CONTENT_LIMITS_H_

#include <cstdint>

/// Every limit on content that may come from somebody else, in one place. Services log them at
/// start.
namespace waybill::content {

// Chunks. The three cut sizes are part of the content format: changing one changes every version.
inline constexpr uint32_t kChunkBytesMin = 32 << 10;
inline constexpr uint32_t kChunkBytesAverage = 128 << 10;
inline constexpr uint32_t kChunkBytesMax = 512 << 10;

// One tree.
inline constexpr uint64_t kFileBytesMax = uint64_t{1} << 42;   // 4 TiB
inline constexpr uint64_t kTreeBytesMax = uint64_t{1} << 43;   // 8 TiB
inline constexpr uint64_t kEntriesMax = uint64_t{1} << 22;     // 4,194,304
inline constexpr uint64_t kLinksMax = uint64_t{1} << 16;       // Held in memory to find loops.
inline constexpr uint64_t kLinkBytesMax = uint64_t{16} << 20;  // Paths and targets of all links.
inline constexpr int kLinkChainMax = 8;
inline constexpr uint64_t kSkippedMax = 10'000;  // Also the offenders that one refusal lists.
inline constexpr int64_t kModifiedSecondsMax =
    253'370'764'799;  // The last second of the year 9998.

// One manifest.
inline constexpr uint64_t kManifestBytesMax = uint64_t{1} << 30;
inline constexpr uint32_t kManifestRecordBytesMax = 64 << 10;
inline constexpr uint32_t kChunksPerRecord = 1024;
inline constexpr uint64_t kChunkReferencesMax = uint64_t{1} << 24;
inline constexpr uint64_t kUniqueChunksMax = uint64_t{1} << 22;

// One store.
inline constexpr uint64_t kPackBytesMax = uint64_t{256} << 20;  // A fuller pack is sealed.
inline constexpr uint32_t kPackEntriesMax = 1 << 16;
inline constexpr uint64_t kPackBytesPerSync = uint64_t{64} << 20;
inline constexpr int kOpenPacksMax = 128;  // Descriptors that readers of one store keep.
inline constexpr uint64_t kPacksMax = uint64_t{1}
                                      << 15;  // Each has a memory mapping, of 65,530 at most.

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_LIMITS_H_
