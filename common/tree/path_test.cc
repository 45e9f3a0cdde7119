#include "common/tree/path.h"

#include <cerrno>
#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "common/status/status_matchers.h"
#include "common/tree/errno_status.h"

namespace waybill::tree {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string Repeat(int count, absl::string_view text) {
  std::string result;
  for (int i = 0; i < count; ++i) absl::StrAppend(&result, text);
  return result;
}

TEST(CheckRelativePathTest, AcceptsCanonicalPaths) {
  for (const char* path :
       {"a", "a/b", "..a", "a..", "...", ".hidden/x", "a b", "\xC3\xA9/\xE2\x82\xAC",
        "\xF0\x9F\x9A\x9A", "dev-disk\\x2dlabel", "a/C:x", "-rf", "*"}) {
    EXPECT_THAT(CheckRelativePath(path), IsOk()) << path;
  }
}

TEST(CheckRelativePathTest, RefusesPathsThatClimb) {
  for (const char* path : {"..", "../x", "a/../../x", "a/..", "a/../b"}) {
    EXPECT_THAT(CheckRelativePath(path), StatusIs(kInvalid)) << path;
  }
}

TEST(CheckRelativePathTest, RefusesAbsolutePathsOfAnySystem) {
  for (const char* path : {"/", "/etc/x", "//x", "\\\\srv\\x", "\\x", "C:\\x", "C:x", "c:"}) {
    EXPECT_THAT(CheckRelativePath(path), StatusIs(kInvalid)) << path;
  }
}

TEST(CheckRelativePathTest, RefusesWhatIsNotCanonical) {
  for (const char* path : {"", ".", "./a", "a/.", "a/./b", "a//b", "a/", "a//"}) {
    EXPECT_THAT(CheckRelativePath(path), StatusIs(kInvalid)) << path;
  }
}

TEST(CheckRelativePathTest, RefusesControlCharacters) {
  for (const std::string& path :
       {std::string("a\0b", 3), std::string("a\nb"), std::string("\r"), std::string("a/\x1b[2J"),
        std::string("\x7f"), std::string("a\xC2\x85")}) {
    EXPECT_THAT(CheckRelativePath(path), StatusIs(kInvalid)) << Escaped(path);
  }
}

TEST(CheckRelativePathTest, RefusesWhatIsNotUtf8) {
  for (const char* path :
       {"\xFF", "a\x80", "\xC0\xAF", "\xC1\x81", "\xE0\x80\xAF", "\xF0\x80\x80\xAF",  // Overlong.
        "\xED\xA0\x80", "\xED\xBF\xBF",                                               // Surrogates.
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",                              // Above U+10FFFF.
        "\xC3", "\xE2\x82", "\xF0\x9F\x9A", "\xE2\x82/", "\xE2\x28\xA1"}) {  // Cut or broken.
    EXPECT_THAT(CheckRelativePath(path), StatusIs(kInvalid)) << Escaped(path);
  }
}

TEST(CheckRelativePathTest, HoldsTheLimits) {
  const std::string longest_name(kNameBytesMax, 'n');
  EXPECT_THAT(CheckRelativePath(longest_name), IsOk());
  EXPECT_THAT(CheckRelativePath(longest_name + "n"), StatusIs(kInvalid));
  const std::string longest_path = Repeat(15, longest_name + "/") + longest_name + "/";
  ASSERT_EQ(longest_path.size(), kPathBytesMax);
  EXPECT_THAT(CheckRelativePath(longest_path.substr(0, kPathBytesMax - 1)), IsOk());
  EXPECT_THAT(CheckRelativePath(longest_path + "n"), StatusIs(kInvalid));
  EXPECT_THAT(CheckRelativePath(Repeat(kPathDepthMax - 1, "d/") + "x"), IsOk());
  EXPECT_THAT(CheckRelativePath(Repeat(kPathDepthMax, "d/") + "x"), StatusIs(kInvalid));
}

TEST(CheckRelativePathTest, SaysBadPathAndShowsItEscaped) {
  const absl::Status status = CheckRelativePath("a\nERROR forged");
  EXPECT_EQ(status.message(), "bad_path \"a\\nERROR forged\": a control character");
}

TEST(CheckNameTest, TakesOneComponentOnly) {
  EXPECT_THAT(CheckName("a.bin"), IsOk());
  for (const char* name : {"", ".", "..", "a/b", "/", "a\n"}) {
    EXPECT_THAT(CheckName(name), StatusIs(kInvalid)) << name;
  }
}

TEST(CheckLinkTargetTest, AcceptsTargetsBeneathTheRoot) {
  EXPECT_THAT(CheckLinkTarget("a", "b"), IsOk());
  EXPECT_THAT(CheckLinkTarget("a", "./b/c"), IsOk());
  EXPECT_THAT(CheckLinkTarget("a/b/c", "../../x"), IsOk());
  EXPECT_THAT(CheckLinkTarget("a/b", ".."), IsOk());
}

TEST(CheckLinkTargetTest, RefusesTargetsThatLeaveTheRoot) {
  EXPECT_THAT(CheckLinkTarget("a", ".."), StatusIs(kInvalid));
  EXPECT_THAT(CheckLinkTarget("a", "../b"), StatusIs(kInvalid));
  EXPECT_THAT(CheckLinkTarget("a/b", "../../x"), StatusIs(kInvalid));
  EXPECT_THAT(CheckLinkTarget("a/b", "./../../x"), StatusIs(kInvalid));
  EXPECT_THAT(CheckLinkTarget("a", "/etc/passwd"), StatusIs(kInvalid));
}

TEST(CheckLinkTargetTest, RefusesToClimbBehindAName) {
  // If p/q/up leads to the root, p/q/up/../x is above it, though the text looks harmless.
  EXPECT_THAT(CheckLinkTarget("p/q/l", "up/../x"), StatusIs(kInvalid));
}

TEST(CheckLinkTargetTest, RefusesBadText) {
  EXPECT_THAT(CheckLinkTarget("a", ""), StatusIs(kInvalid));
  EXPECT_THAT(CheckLinkTarget("a", "b\n"), StatusIs(kInvalid));
  EXPECT_THAT(CheckLinkTarget("a", "\xFF"), StatusIs(kInvalid));
  EXPECT_THAT(CheckLinkTarget("../a", "b"), StatusIs(kInvalid));
  EXPECT_THAT(CheckLinkTarget("a", std::string(kNameBytesMax + 1, 'x')), StatusIs(kInvalid));
  EXPECT_THAT(CheckLinkTarget("a", Repeat(kLinkTargetBytesMax / 2, "x/") + "x"), IsOk());
  EXPECT_THAT(CheckLinkTarget("a", Repeat(kLinkTargetBytesMax / 2, "x/") + "xx"),
              StatusIs(kInvalid));
}

TEST(ErrnoToStatusTest, GivesEachErrnoItsCode) {
  using Code = absl::StatusCode;
  const std::pair<int, Code> cases[] = {{ENOENT, Code::kNotFound},
                                        {EEXIST, Code::kAlreadyExists},
                                        {EACCES, Code::kPermissionDenied},
                                        {EPERM, Code::kPermissionDenied},
                                        {ENOSPC, Code::kResourceExhausted},
                                        {EDQUOT, Code::kResourceExhausted},
                                        {EFBIG, Code::kResourceExhausted},
                                        {EMFILE, Code::kResourceExhausted},
                                        {EIO, Code::kDataLoss},
                                        {ELOOP, Code::kFailedPrecondition},
                                        {EXDEV, Code::kFailedPrecondition},
                                        {EROFS, Code::kFailedPrecondition},
                                        {EINVAL, Code::kInvalidArgument},
                                        {EBUSY, Code::kUnavailable},
                                        {ENOSYS, Code::kUnimplemented},
                                        {EDOM, Code::kInternal}};
  for (const auto& [error, code] : cases)
    EXPECT_THAT(ErrnoToStatus(error, "open", "a"), StatusIs(code)) << error;
}

TEST(ErrnoToStatusTest, NamesOperationAndEscapedPath) {
  EXPECT_EQ(ErrnoToStatus(ENOENT, "open", "a\tb").message(),
            "open \"a\\tb\": No such file or directory");
  EXPECT_EQ(ErrnoToStatus(ELOOP, "open", "a").message(),
            "open \"a\": the path leaves the tree or passes a link");
}

}  // namespace
}  // namespace waybill::tree
