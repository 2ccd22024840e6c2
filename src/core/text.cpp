#include "dec/core/text.hpp"

namespace dec::core {

namespace {

/// Length of the character that begins here, 0 if none does (table 3-7 of the Unicode standard).
std::size_t character(std::string_view text) {
    auto const byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    auto const is_next = [&](std::size_t i) { return byte(i) >= 0x80 && byte(i) <= 0xbf; };
    auto const first = byte(0);
    auto const second = byte(1);
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return is_next(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        bool const fits = second >= (first == 0xe0 ? 0xa0U : 0x80U) && second <= (first == 0xed ? 0x9fU : 0xbfU);
        return fits && is_next(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        bool const fits = second >= (first == 0xf0 ? 0x90U : 0x80U) && second <= (first == 0xf4 ? 0x8fU : 0xbfU);
        return fits && is_next(2) && is_next(3) ? 4 : 0;
    }
    return 0;
}

}  // namespace

std::optional<std::size_t> first_not_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        auto const length = character(text.substr(i));
        if (length == 0) return i;
        i += length;
    }
    return std::nullopt;
}

std::string printable(std::string_view text) {
    std::string shown;
    shown.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        auto const length = character(text.substr(i));
        auto const code = static_cast<unsigned char>(text[i]);
        // C1 controls, which some terminals obey, are C2 80 to C2 9F.
        bool const control = code < 0x20 || code == 0x7f ||
                             (code == 0xc2 && length == 2 && static_cast<unsigned char>(text[i + 1]) < 0xa0);
        if (length == 0 || control) shown += '?';
        else shown.append(text.substr(i, length));
        i += length == 0 ? 1 : length;
    }
    return shown;
}

}  // namespace dec::core
