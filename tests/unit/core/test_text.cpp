/// Text from outside: what is UTF-8, and what a terminal gets to see of the rest.
#include <catch2/catch.hpp>

#include "dec/core/text.hpp"

using namespace dec;

TEST_CASE("UTF-8 is what RFC 3629 allows and nothing else", "[core][text]") {
    CHECK_FALSE(core::first_not_utf8("Gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x8c\x9e").has_value());
    CHECK_FALSE(core::first_not_utf8("").has_value());
    for (auto const* wrong : {"ab\xe9", "ab\xe9z", "ab\xc0\x80", "ab\xe0\x80\x80", "ab\xed\xa0\x80",
                              "ab\xf4\x90\x80\x80", "ab\x80", "ab\xff", "ab\xc3", "ab\xe2\x82", "ab\xf0\x9f\x8c"})
        CHECK(core::first_not_utf8(wrong) == 2U);
}

TEST_CASE("what is shown is one line of text, whatever it holds", "[core][text]") {
    CHECK(core::printable("Gr\xc3\xbcn 5") == "Gr\xc3\xbcn 5");
    CHECK(core::printable("a\nb\x1b[31mc\x7f") == "a?b?[31mc?");
    CHECK(core::printable("\xe9t\xc2\x9b"
                          "1m") == "?t?1m");
}
