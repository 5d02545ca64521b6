// The stream (docs/stream.md, version 1) on a GPU: the same bits as on a processor.
//
// Every float operation is an IEEE one rounded to nearest, and every fused multiply-add is written
// as such: compile with -fmad=false, so that the compiler makes no others.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

enum { UNIFORM, NORMAL, TRUNCATED };
enum { AXES = 8 };

// What is written where. The layout is that of `Order` in cuda.py.
struct Order {
    void *out;
    u64 count;           // elements
    u64 key, part;       // of the stream
    u64 first;           // the index of element 0 in the whole tensor
    u64 size[AXES];      // a box: its sizes and the tensor's strides, last axis first
    u64 stride[AXES];
    double law[8];       // uniform: low, step, below_high; normal: mean, std; truncated: mean, std,
                         // low, high, centre, mass, below, above
    int kind, axes;
};

struct Words {
    u32 x[4];
};

static __device__ Words words(u64 key, u64 part, u64 counter) {
    u32 k0 = (u32)key, k1 = (u32)(key >> 32);
    u32 x0 = (u32)counter, x1 = (u32)(counter >> 32), x2 = (u32)part, x3 = (u32)(part >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        u64 p0 = (u64)0xD2511F53u * x0, p1 = (u64)0xCD9E8D57u * x2;
        x0 = (u32)(p1 >> 32) ^ x1 ^ k0;
        x1 = (u32)p1;
        x2 = (u32)(p0 >> 32) ^ x3 ^ k1;
        x3 = (u32)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return {{x0, x1, x2, x3}};
}

// ---- f32 -----------------------------------------------------------------------------------

template <int N> static __device__ float horner(const float (&c)[N], float x) {
    float sum = c[N - 1];
#pragma unroll
    for (int i = N - 2; i >= 0; i--) sum = __fmaf_rn(sum, x, c[i]);
    return sum;
}

static __device__ float minus_2_ln(float u) {
    const float c[8] = {-2.0000002f, 1.0000043f, -0.6665953f, 0.49953583f,
                        -0.40216067f, 0.34744442f, -0.2826373f, 0.1329212f};
    const float factor = -2.0f * 0.693147180559945309417f / 8388608.0f;
    u32 bits = __float_as_uint(u);
    u32 exponent = (bits - 0x3f400000u) & 0xff800000u;
    float f = __uint_as_float(bits - exponent) - 1.0f;
    return __fmaf_rn(f, horner(c, f), __fmul_rn(__int2float_rn((int)exponent), factor));
}

static __device__ float open_unit(u32 word) {
    return __fmaf_rn(__uint2float_rn(word), 1.0f / 4294967296.0f, 0.5f / 4294967296.0f);
}

struct Draw32 {
    typedef float Value;
    enum { BLOCK = 64, EACH = 4 };

    float n[8];
    float cos[5], sin[5];
    int kind;

    __device__ Draw32(const Order &order) : kind(order.kind) {
        for (int i = 0; i < 8; i++) n[i] = (float)order.law[i];
        const float c[5] = {0.99999994f, -1.2336982f, 0.25365075f, -0.020810628f, 0.00085819064f};
        const float s[5] = {1.5707964f, -0.64596373f, 0.07968968f, -0.0046737664f, 0.00015148513f};
        for (int i = 0; i < 5; i++) {
            cos[i] = __fmul_rn(c[i], n[1]);
            sin[i] = __fmul_rn(s[i], n[1]);
        }
    }

    __device__ float uniform(u32 word) const {
        float value = __fmaf_rn(__uint2float_rn(word >> 8), n[1], n[0]);
        return n[2] < value ? n[2] : value;
    }

    __device__ void box_muller(u32 radius, u32 angle, float *to) const {
        float length = __fsqrt_rn(minus_2_ln(open_unit(radius)));
        length = __uint_as_float(__float_as_uint(length) ^ (angle & 0x80000000u));
        float y = __uint_as_float((angle & 0x007fffffu) | 0x40000000u) - 3.0f;
        float t = __fmul_rn(y, y);
        to[0] = __fmaf_rn(length, horner(cos, t), n[0]);
        to[1] = __fmaf_rn(length, __fmul_rn(y, horner(sin, t)), n[0]);
    }

    static __device__ float tail(float p) {
        const float u[5] = {-2.809978f, -2.6177714f, 2.4165895f, 1.4302894f, 0.109201334f};
        const float v[4] = {1.0f, 2.9196777f, 1.4331353f, 0.10917944f};
        float s = __fsqrt_rn(minus_2_ln(p));
        return __fdiv_rn(horner(u, s), horner(v, s));
    }

    __device__ float truncated(u32 word) const {
        const float a[5] = {4.1982288f, 225.51859f, 3063.6697f, 9852.516f, 3511.51f};
        const float b[5] = {1.0f, 61.289692f, 1027.2373f, 4782.12f, 4086.1501f};
        const float mean = n[0], std = n[1], low = n[2], high = n[3];
        const float centre = n[4], mass = n[5], below = n[6], above = n[7];
        const float half = 0.5f / 4294967296.0f, scale = 1.0f / 4294967296.0f;
        float centred = __fmaf_rn(__int2float_rn((int)(word ^ 0x80000000u)), scale, half);
        float q = __fmaf_rn(centred, mass, centre), z;
        if (fabsf(q) <= 0.4775f) {
            float r = __fmaf_rn(-q, q, __fmul_rn(0.4775f, 0.4775f));
            z = __fmul_rn(q, __fdiv_rn(horner(a, r), horner(b, r)));
        } else if (q < 0.0f) {
            z = -tail(__fmaf_rn(open_unit(word), mass, below));
        } else {
            z = tail(__fmaf_rn(open_unit(~word), mass, above));
        }
        float value = __fmaf_rn(z, std, mean);
        value = low > value ? low : value;
        return high < value ? high : value;
    }

    // The values of a counter's four elements.
    __device__ void values(Words words, float *to) const {
        if (kind == NORMAL) {
            box_muller(words.x[0], words.x[1], to);
            box_muller(words.x[2], words.x[3], to + 2);
            return;
        }
        for (int i = 0; i < 4; i++)
            to[i] = kind == UNIFORM ? uniform(words.x[i]) : truncated(words.x[i]);
    }
};

// ---- f64 -----------------------------------------------------------------------------------

template <int N> static __device__ double horner(const double (&c)[N], double x) {
    double sum = c[N - 1];
#pragma unroll
    for (int i = N - 2; i >= 0; i--) sum = __fma_rn(sum, x, c[i]);
    return sum;
}

static __device__ double minus_2_ln(double u) {
    const double c[8] = {-4.0, -1.333333333333353, -0.7999999999859776, -0.5714285752269427,
                         -0.4444439397641342, -0.3636727019219134, -0.3062488743034141,
                         -0.29621060400708343};
    u64 bits = __double_as_longlong(u);
    u64 exponent = (bits - 0x3fe6a09e667f3bcdull) & 0xfff0000000000000ull;
    double f = __longlong_as_double(bits - exponent) - 1.0;
    double s = __ddiv_rn(f, __dadd_rn(2.0, f));
    double series = __dmul_rn(s, horner(c, __dmul_rn(s, s)));
    double whole = __ll2double_rn((long long)exponent >> 52);
    return __fma_rn(whole, -2.0 * 0.693147180559945309417232121458, series);
}

static __device__ double open_unit(u64 half) {
    return __fma_rn(__ull2double_rn(half >> 11), 1.0 / 9007199254740992.0, 0.5 / 9007199254740992.0);
}

struct Draw64 {
    typedef double Value;
    enum { BLOCK = 32, EACH = 2 };

    double n[8];
    double cos[9], sin[9];
    int kind;

    __device__ Draw64(const Order &order) : kind(order.kind) {
        for (int i = 0; i < 8; i++) n[i] = order.law[i];
        const double c[9] = {1.0, -1.233700550136169, 0.2536695079010311, -0.020863480763179135,
                             0.0009192602739445638, -2.5202039784524918e-05, 4.7108307705059063e-07,
                             -6.3822375951216835e-09, 6.331774489191424e-11};
        const double s[9] = {1.57079632679489661923, -0.6459640975062462, 0.07969262624616544,
                             -0.004681754135302643, 0.00016044118470682234, -3.5988430072092917e-06,
                             5.6921348727925625e-08, -6.684321725326123e-10, 5.870611102642757e-12};
        for (int i = 0; i < 9; i++) {
            cos[i] = __dmul_rn(c[i], n[1]);
            sin[i] = __dmul_rn(s[i], n[1]);
        }
    }

    static __device__ double tail(double p) {
        const double c[8] = {1.4234371107496835, 4.630337846156546, 5.769497221460691,
                             3.6478483247632045, 1.2704582524523684, 2.417807251774506e-1,
                             2.2723844989269184e-2, 7.745450142783414e-4};
        const double d[8] = {1.0, 2.053191626637759, 1.6763848301838038, 6.897673349851e-1,
                             1.4810397642748008e-1, 1.5198666563616457e-2, 5.475938084995345e-4,
                             1.0507500716444169e-9};
        const double e[8] = {6.657904643501103, 5.463784911164114, 1.7848265399172913,
                             2.9656057182850487e-1, 2.6532189526576124e-2, 1.2426609473880784e-3,
                             2.7115555687434876e-5, 2.0103343992922881e-7};
        const double f[8] = {1.0, 5.99832206555888e-1, 1.369298809227358e-1, 1.4875361290850615e-2,
                             7.868691311456133e-4, 1.8463183175100548e-5, 1.421511758316446e-7,
                             2.0442631033899398e-15};
        double r = __dsqrt_rn(__dmul_rn(0.5, minus_2_ln(p)));
        if (r <= 5.0) return __ddiv_rn(horner(c, r - 1.6), horner(d, r - 1.6));
        return __ddiv_rn(horner(e, r - 5.0), horner(f, r - 5.0));
    }

    __device__ double truncated(u64 half) const {
        const double a[8] = {3.3871328727963665, 1.3314166789178438e2, 1.9715909503065513e3,
                             1.373169376550946e4, 4.592195393154987e4, 6.72657709270087e4,
                             3.343057558358813e4, 2.5090809287301227e3};
        const double b[8] = {1.0, 4.231333070160091e1, 6.871870074920579e2, 5.394196021424751e3,
                             2.1213794301586597e4, 3.930789580009271e4, 2.8729085735721943e4,
                             5.226495278852854e3};
        const double mean = n[0], std = n[1], low = n[2], high = n[3];
        const double centre = n[4], mass = n[5], below = n[6], above = n[7];
        long long centred = (long long)(half ^ (1ull << 63)) >> 11;
        double q = __fma_rn(
            __fma_rn(__ll2double_rn(centred), 1.0 / 9007199254740992.0, 0.5 / 9007199254740992.0),
            mass, centre);
        double z;
        if (fabs(q) <= 0.425) {
            double r = __fma_rn(-q, q, __dmul_rn(0.425, 0.425));
            z = __dmul_rn(q, __ddiv_rn(horner(a, r), horner(b, r)));
        } else if (q < 0.0) {
            z = -tail(__fma_rn(open_unit(half), mass, below));
        } else {
            z = tail(__fma_rn(open_unit(~half), mass, above));
        }
        double value = __fma_rn(z, std, mean);
        value = low > value ? low : value;
        return high < value ? high : value;
    }

    // The values of a counter's two elements.
    __device__ void values(Words words, double *to) const {
        u64 half[2];
        for (int i = 0; i < 2; i++) half[i] = (u64)words.x[2 * i + 1] << 32 | words.x[2 * i];
        if (kind == NORMAL) {
            double length = __dsqrt_rn(minus_2_ln(open_unit(half[0])));
            double y = __dmul_rn(__ll2double_rn((long long)(half[1] << 1)),
                                 1.0 / 9223372036854775808.0);
            double t = __dmul_rn(y, y);
            if (half[1] >> 63) length = -length;
            to[0] = __fma_rn(length, horner(cos, t), n[0]);
            to[1] = __fma_rn(length, __dmul_rn(y, horner(sin, t)), n[0]);
            return;
        }
        for (int i = 0; i < 2; i++) {
            if (kind == TRUNCATED) {
                to[i] = truncated(half[i]);
                continue;
            }
            double value = __fma_rn(__ull2double_rn(half[i] >> 11), n[1], n[0]);
            to[i] = n[2] < value ? n[2] : value;
        }
    }
};

// ---- element types: one rounding, to nearest, ties to even ----------------------------------

struct F32 {
    typedef float Stored;
    typedef Draw32 Draw;
    static __device__ float store(float value) { return value; }
};

struct F64 {
    typedef double Stored;
    typedef Draw64 Draw;
    static __device__ double store(double value) { return value; }
};

struct F16 {
    typedef u16 Stored;
    typedef Draw32 Draw;
    static __device__ u16 store(float value) {
        u16 half;
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
        return half;
    }
};

// The values are finite: an initializer whose values a type cannot hold was refused before.
struct BF16 {
    typedef u16 Stored;
    typedef Draw32 Draw;
    static __device__ u16 store(float value) {
        u32 bits = __float_as_uint(value);
        return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    }
};

template <int MANTISSA, int BIAS> struct F8 {
    typedef u8 Stored;
    typedef Draw32 Draw;
    static __device__ u8 store(float value) {
        u8 sign = __float_as_uint(value) >> 24 & 0x80;
        float magnitude = fabsf(value);
        int exponent = max((int)(__float_as_uint(magnitude) >> 23) - 127, 1 - BIAS);
        // Adding and subtracting a power of two rounds to a multiple of the step.
        float shifter = __uint_as_float((u32)(exponent - MANTISSA + 23 + 127) << 23);
        float rounded = __fsub_rn(__fadd_rn(magnitude, shifter), shifter);
        u32 bits = __float_as_uint(rounded);
        int unbiased = (int)(bits >> 23) - 127;
        if (unbiased < 1 - BIAS) {
            float steps = __fmul_rn(rounded, __uint_as_float((u32)(127 + BIAS - 1 + MANTISSA) << 23));
            return sign | (u8)steps;
        }
        return sign | (u8)((unbiased + BIAS) << MANTISSA |
                           (bits >> (23 - MANTISSA) & ((1 << MANTISSA) - 1)));
    }
};

// ---- kernels -------------------------------------------------------------------------------

// Elements first..first + count. A thread makes a counter's elements, which lie 16 apart.
template <typename Type> static __device__ void fill_run(const Order &order) {
    typedef typename Type::Draw Draw;
    const Draw draw(order);
    typename Type::Stored *out = (typename Type::Stored *)order.out;
    const u64 begin = order.first, end = begin + order.count;
    const u64 first = begin / Draw::BLOCK * 16, last = ((end - 1) / Draw::BLOCK + 1) * 16;
    const u64 step = (u64)gridDim.x * blockDim.x;
    for (u64 c = first + (u64)blockIdx.x * blockDim.x + threadIdx.x; c < last; c += step) {
        typename Draw::Value values[Draw::EACH];
        draw.values(words(order.key, order.part, c), values);
        u64 index = c / 16 * Draw::BLOCK + c % 16;
#pragma unroll
        for (int i = 0; i < Draw::EACH; i++, index += 16)
            if (index >= begin && index < end) out[index - begin] = Type::store(values[i]);
    }
}

// The elements of a box, in order. A thread makes one at a time.
template <typename Type> static __device__ void fill_box(const Order &order) {
    typedef typename Type::Draw Draw;
    const Draw draw(order);
    typename Type::Stored *out = (typename Type::Stored *)order.out;
    const u64 step = (u64)gridDim.x * blockDim.x;
    for (u64 at = (u64)blockIdx.x * blockDim.x + threadIdx.x; at < order.count; at += step) {
        u64 index = order.first, rest = at;
        for (int axis = 0; axis < order.axes; axis++) {
            index += rest % order.size[axis] * order.stride[axis];
            rest /= order.size[axis];
        }
        typename Draw::Value values[Draw::EACH];
        u64 counter = index / Draw::BLOCK * 16 + index % 16;
        draw.values(words(order.key, order.part, counter), values);
        int which = index % Draw::BLOCK / 16;
        typename Draw::Value value = values[0];
#pragma unroll
        for (int i = 1; i < Draw::EACH; i++)
            if (which == i) value = values[i];
        out[at] = Type::store(value);
    }
}

#define KERNEL(name, Type)                                                                         \
    extern "C" __global__ void fill_##name(const Order order) {                                    \
        if (order.axes) fill_box<Type>(order);                                                     \
        else fill_run<Type>(order);                                                                \
    }

typedef F8<3, 7> F8E4M3;
typedef F8<2, 15> F8E5M2;
KERNEL(f64, F64)
KERNEL(f32, F32)
KERNEL(f16, F16)
KERNEL(bf16, BF16)
KERNEL(f8e4m3fn, F8E4M3)
KERNEL(f8e5m2, F8E5M2)
