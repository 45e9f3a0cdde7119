#include "common/text/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace waybill::text {
namespace {

TEST(Utf8, AcceptsEveryLengthOfCharacter) {
  for (const char* good :
       {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x93\xa6", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
}

TEST(Utf8, RefusesOverlongSurrogateTooLargeAndTruncatedForms) {
  for (const char* bad : {"\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xc3", "\xe2\x82", "\xff", "a\xc3(", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

TEST(Utf8, CleansWhatAProgramPrintedAndCutsAtACharactersEdge) {
  EXPECT_EQ(ToUtf8(std::string("a\0b\xff\xc3\xa9", 6), 100), "a?b?\xc3\xa9");
  EXPECT_EQ(ToUtf8("ab\xc3\xa9", 3), "ab");
  EXPECT_EQ(ToUtf8("ab\xc3\xa9", 4), "ab\xc3\xa9");
  EXPECT_EQ(ToUtf8("abc", 0), "");
}

}  // namespace
}  // namespace waybill::text
