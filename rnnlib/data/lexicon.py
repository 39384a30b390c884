"""English words for the synthetic texts: nouns, verbs and adjectives with regular forms only, names, and the rules for the forms."""

NOUNS = """
rabbit queen cat king turtle hatter door key garden table duchess caterpillar gryphon bottle cake teacup mushroom house pigeon lobster
baby cook hedgehog flamingo puppy lizard fan glove soldier tree pool shore window chimney cupboard head hand voice word thing way moment
minute day night morning evening hour week year world book page story song verse lesson question answer reason letter name rule game trial
court crown throne sword shield flower rose lily daisy branch root seed fruit apple orange lemon berry nut tart pie pudding soup spoon
fork plate cup kettle jug barrel basket box bag chair bed lamp candle mirror picture clock lock wall roof floor stair room hall kitchen
cellar corner bridge road path gate field hill valley river lake sea beach wave stone rock cave island ship boat sail anchor storm cloud
star moon shadow light fire feather wing beak claw tail paw nose eye ear mouth cheek finger thumb arm elbow knee shoe boot hat coat sleeve
button ribbon thread needle pocket frog crab oyster whale snail worm spider bee owl crow duck swan eagle parrot lamb goat pig horse donkey
lion tiger bear monkey fox squirrel kitten nurse doctor judge juror witness gardener painter poet teacher pupil sister brother mother
father uncle aunt cousin neighbour stranger creature dream riddle secret promise bargain quarrel dance party dinner breakfast supper
holiday journey adventure accident puzzle drawer hammer nail ladder bucket brush broom curtain carpet pillow blanket whistle trumpet drum
"""
INTRANSITIVE = """
look call cry turn talk shout whisper mutter murmur laugh smile frown stare walk jump climb crawl hurry wander rush stumble tumble vanish
appear remain wait stay rest pause complain grumble sigh groan growl sneeze cough yawn tremble shiver blush knock listen dance sail
"""
TRANSITIVE = """
follow open close watch ask answer start finish repeat remember recollect notice observe examine consider believe imagine doubt explain
mention suggest offer order command demand refuse push pull lift carry touch kick pinch poke scratch polish wash clean boil bake taste
swallow chew nibble collect gather count divide measure weigh pour mix stir fill empty cover fold pack fasten loosen unlock rescue guard
protect attack frighten alarm please amuse annoy comfort trouble bother interrupt startle surprise disappoint reward punish thank welcome
greet admire adore envy respect obey ignore accuse arrest chase hunt scold tease tickle paint borrow return hammer mend
"""
# adjectives of how things look, and those that make adverbs as well
LOOKS = """
little large white mad small golden old young dry wet long short melancholy plain dark pale wide narrow tall thick thin clean dirty empty
hot warm cool fresh rich rare famous public private common enormous ancient modern foreign royal humble weak strong thirsty dizzy shaky
muddy dusty rusty rosy stormy windy cloudy sunny snowy frosty shady tidy untidy
"""
MANNERS = """
curious sleepy quiet sad angry strange poor sharp grave proud nervous timid hoarse silent splendid soft loud sudden slow quick eager
polite cross gentle clever stupid careful careless cheerful gloomy brave bold kind cruel rude pretty bright deep heavy smooth rough cold
sweet sour bitter perfect terrible dreadful wonderful beautiful delightful hopeful thoughtful mournful graceful patient anxious serious
furious envious jealous generous dangerous poisonous mysterious tremendous violent honest faithful foolish selfish childish savage fierce
solemn tender lazy greedy hungry giddy noisy naughty lucky unlucky
"""
NAMES = """
Alice Dinah Bill Ada Mabel Pat William Edith Henry Jane Queenie Xavier Yorick Zoe Victor Ursula Oscar Nelly Lewis Karl Flora George Ivy
Harriet Rose Simon Toby Percy Agnes Bertha Clara Daniel Emma Frank Gilbert Hugo Isabel Jasper Kate Laura Martin Nora Olive Quentin Rupert
"""
# for reviews of films
PRAISE = """
good clever moving fresh charming brilliant funny warm delightful graceful honest inventive lively luminous memorable powerful rich sharp
smart splendid subtle superb tender thoughtful touching vivid witty wonderful absorbing affecting assured beautiful bold engaging exciting
gripping hilarious inspired intimate playful
"""
BLAME = """
bad dull flat stale clumsy hollow boring cold awful bland cheap confused contrived dreary empty foolish forced heavy inept lazy lame
lifeless messy muddled obvious plodding pointless preachy predictable ridiculous shallow silly sloppy slow stilted stupid tedious tired
tiresome weak
"""
REVIEW = """
the a film story plot cast music with of and some that scene its camera director two hours ending in . , who is are this about for from
more than into as an by on his her their at it but not has be one all which when like out up so life love comedy drama thriller characters
audience screen movie picture actors
"""


def plural(noun):
    """A regular plural.

    >>> [plural(noun) for noun in ("queen", "story", "box", "day")]
    ['queens', 'stories', 'boxes', 'days']
    """
    if noun[-1] == "y" and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def past(verb):
    """A regular past tense.

    >>> [past(verb) for verb in ("look", "stare", "cry", "obey")]
    ['looked', 'stared', 'cried', 'obeyed']
    """
    if verb[-1] == "y" and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return verb + ("d" if verb[-1] == "e" else "ed")


def participle(verb):
    """A regular present participle.

    >>> [participle(verb) for verb in ("look", "stare", "cry")]
    ['looking', 'staring', 'crying']
    """
    return (verb[:-1] if verb.endswith("e") and not verb.endswith("ee") else verb) + "ing"


def adverb(adjective):
    """A regular adverb.

    >>> [adverb(adjective) for adjective in ("quick", "gentle", "happy", "wonderful")]
    ['quickly', 'gently', 'happily', 'wonderfully']
    """
    if adjective[-1] == "y":
        return adjective[:-1] + "ily"
    return adjective[:-2] + "ly" if adjective.endswith("le") else adjective + "ly"
