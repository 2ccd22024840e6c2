#include "dec/core/uuid.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

namespace dec::core {

namespace {

/// SHA-1 (FIPS 180-4), which version 5 of RFC 4122 prescribes; not used for secrecy.
std::array<std::uint8_t, 20> sha1(std::vector<std::uint8_t> message) {
    auto const bits = static_cast<std::uint64_t>(message.size()) * 8;
    message.push_back(0x80);
    while (message.size() % 64 != 56) message.push_back(0);
    for (int shift = 56; shift >= 0; shift -= 8) message.push_back(static_cast<std::uint8_t>(bits >> shift));

    std::array<std::uint32_t, 5> h{0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    for (std::size_t block = 0; block < message.size(); block += 64) {
        std::array<std::uint32_t, 80> w{};
        for (std::size_t i = 0; i < 16; ++i)
            for (std::size_t k = 0; k < 4; ++k) w[i] = (w[i] << 8) | message[block + 4 * i + k];
        for (std::size_t i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);

        auto [a, b, c, d, e] = h;
        for (std::size_t i = 0; i < 80; ++i) {
            std::uint32_t f = 0;
            std::uint32_t k = 0;
            if (i < 20) {
                f = (b & c) | (~b & d);
                k = 0x5A827999;
            } else if (i < 40) {
                f = b ^ c ^ d;
                k = 0x6ED9EBA1;
            } else if (i < 60) {
                f = (b & c) | (b & d) | (c & d);
                k = 0x8F1BBCDC;
            } else {
                f = b ^ c ^ d;
                k = 0xCA62C1D6;
            }
            std::uint32_t const next = std::rotl(a, 5) + f + e + k + w[i];
            e = d;
            d = c;
            c = std::rotl(b, 30);
            b = a;
            a = next;
        }
        h = {h[0] + a, h[1] + b, h[2] + c, h[3] + d, h[4] + e};
    }
    std::array<std::uint8_t, 20> digest{};
    for (std::size_t i = 0; i < digest.size(); ++i)
        digest[i] = static_cast<std::uint8_t>(h[i / 4] >> (24 - 8 * (i % 4)));
    return digest;
}

/// Namespace of all UUIDs made here: the RFC's own for URLs.
constexpr std::array<std::uint8_t, 16> url_namespace{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1,
                                                     0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};

/// The first 16 bytes, marked as a UUID of this version.
std::string to_uuid(std::array<std::uint8_t, 20> digest, int version) {
    digest[6] = static_cast<std::uint8_t>((digest[6] & 0x0F) | (version << 4));
    digest[8] = static_cast<std::uint8_t>((digest[8] & 0x3F) | 0x80);

    static constexpr std::string_view hex = "0123456789abcdef";
    std::string text;
    text.reserve(36);
    for (std::size_t i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += hex[digest[i] >> 4];
        text += hex[digest[i] & 0x0F];
    }
    return text;
}

}  // namespace

std::string name_uuid(std::string_view scope, std::string_view name) {
    std::vector<std::uint8_t> message(url_namespace.begin(), url_namespace.end());
    message.insert(message.end(), scope.begin(), scope.end());
    message.push_back('/');
    message.insert(message.end(), name.begin(), name.end());
    return to_uuid(sha1(std::move(message)), 5);
}

std::string seeded_uuid(std::string_view seed) { return to_uuid(sha1({seed.begin(), seed.end()}), 4); }

std::array<char, 36> uuid_of_bits(std::uint64_t high, std::uint64_t low) {
    static constexpr std::string_view hex = "0123456789abcdef";
    constexpr std::uint64_t version = 0xF000, variant = 0xC000'0000'0000'0000;
    high = (high & ~version) | 0x8000U;
    low = (low & ~variant) | 0x8000'0000'0000'0000U;
    std::array<char, 36> text{};
    std::size_t at = 0;
    auto const put = [&](std::uint64_t bits, int digits) {
        for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) text[at++] = hex[bits >> shift & 0x0FU];
    };
    put(high >> 32U, 8);
    text[at++] = '-';
    put(high >> 16U, 4);
    text[at++] = '-';
    put(high, 4);
    text[at++] = '-';
    put(low >> 48U, 4);
    text[at++] = '-';
    put(low, 12);
    return text;
}

}  // namespace dec::core
